import { type Channel, type ConsumeMessage, connect } from "amqplib";
import { eventually } from "../../support/eventually.ts";

/** A message as it came, with the time by this process' clock (ms). */
export interface Heard {
  readonly id: string;
  readonly message: ConsumeMessage;
  readonly at: number;
}

/** A plain consumer of one queue. */
export interface Listener {
  /** In the order in which they came. */
  readonly heard: Heard[];
  /** Waits for so many in all. */
  readonly until: (count: number) => Promise<Heard[]>;
  readonly stop: () => Promise<void>;
}

/** Consumes a queue as any client would; with `bound`, a queue of its own that hears an exchange under a key. */
export async function listenTo(
  url: string,
  queue: string,
  bound?: { exchange: string; key: string },
): Promise<Listener> {
  const connection = await connect(url, { clientProperties: { connection_name: "listener" } });
  const channel: Channel = await connection.createChannel();
  const heard: Heard[] = [];
  if (bound !== undefined) {
    await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await channel.bindQueue(queue, bound.exchange, bound.key);
  }
  await channel.consume(
    queue,
    (message) => {
      if (message !== null) heard.push({ id: String(message.properties.messageId), message, at: Date.now() });
    },
    { noAck: true },
  );
  const until = (count: number) =>
    eventually(`${count} messages on ${queue}, of which ${heard.length} came`, async () =>
      heard.length >= count ? heard : undefined,
    );
  return { heard, until, stop: () => connection.close() };
}
