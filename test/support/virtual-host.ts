import { randomUUID } from "node:crypto";
import { type Channel, type ChannelModel, connect, type GetMessage, type Options } from "amqplib";
import { inject } from "vitest";

/** A virtual host of RabbitMQ for one test file, with what a person could do in its management UI. */
export interface VirtualHost {
  readonly url: string;
  readonly name: string;
  /** Puts bytes on a queue by hand, past the relay. */
  readonly put: (queue: string, body: Buffer, properties?: Options.Publish) => Promise<void>;
  /** Takes all ready messages off a queue. */
  readonly takeAll: (queue: string) => Promise<GetMessage[]>;
  /** Takes all ready messages off a queue and returns them, as a consumer that dies does: they come as redelivered. */
  readonly handBack: (queue: string) => Promise<number>;
  /** Takes all ready messages off a queue and rejects them, as a foreign consumer may. */
  readonly rejectAll: (queue: string) => Promise<number>;
  /**
   * Deletes a queue. RabbitMQ 3.10 answers a little before all of it is gone: who declares it again within some 20 ms
   * gets a queue that confirms everything and delivers nothing, for good.
   */
  readonly deleteQueue: (queue: string) => Promise<void>;
  readonly count: (queue: string) => Promise<number>;
  readonly unbind: (queue: string, exchange: string, key: string) => Promise<void>;
  readonly bind: (queue: string, exchange: string, key: string) => Promise<void>;
  /** Cuts every connection, as an operator's "Force close" does. */
  readonly cutConnections: () => Promise<number>;
  /** Loses everything: queues, exchanges and messages, as a broker does whose disk was wiped. */
  readonly wipe: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Makes a virtual host on the tests' broker. */
export async function makeVirtualHost(): Promise<VirtualHost> {
  const name = `test-${randomUUID().slice(0, 8)}`;
  const make = async () => {
    await management("PUT", `/api/vhosts/${name}`);
    const user = encodeURIComponent(inject("rabbitmqUser"));
    await management("PUT", `/api/permissions/${name}/${user}`, { configure: ".*", write: ".*", read: ".*" });
  };
  await make();
  const address = new URL(inject("amqpUrl"));
  address.pathname = `/${name}`;
  const url = address.href;
  let connection: Promise<ChannelModel> | undefined;
  const withChannel = async <T>(
    use: (channel: Awaited<ReturnType<ChannelModel["createConfirmChannel"]>>) => Promise<T>,
  ) => {
    connection ??= connect(url, { noDelay: true, clientProperties: { connection_name: "test" } });
    const channel = await (await connection).createConfirmChannel();
    channel.on("error", () => undefined);
    try {
      return await use(channel);
    } finally {
      await channel.close();
    }
  };
  return {
    url,
    name,
    put: (queue, body, properties = {}) =>
      withChannel(async (channel) => {
        channel.publish("", queue, body, { persistent: true, ...properties });
        await channel.waitForConfirms();
      }),
    takeAll: (queue) =>
      withChannel(async (channel) => {
        const taken: GetMessage[] = [];
        for (let next = await channel.get(queue); next !== false; next = await channel.get(queue)) {
          channel.ack(next);
          taken.push(next);
        }
        return taken;
      }),
    handBack: (queue) =>
      withChannel((channel) => takeReady(channel, queue, (last) => channel.nack(last, true, true))),
    rejectAll: (queue) =>
      withChannel((channel) => takeReady(channel, queue, (last) => channel.nack(last, true, false))),
    deleteQueue: (queue) => withChannel(async (channel) => void (await channel.deleteQueue(queue))),
    count: (queue) => withChannel(async (channel) => (await channel.checkQueue(queue)).messageCount),
    unbind: (queue, exchange, key) =>
      withChannel(async (channel) => void (await channel.unbindQueue(queue, exchange, key))),
    bind: (queue, exchange, key) =>
      withChannel(async (channel) => void (await channel.bindQueue(queue, exchange, key))),
    cutConnections: async () => {
      await (await connection)?.close();
      connection = undefined;
      const open = (await management("GET", `/api/vhosts/${name}/connections`)) as { name: string }[];
      for (const { name: id } of open)
        await management("DELETE", `/api/connections/${encodeURIComponent(id)}`);
      return open.length;
    },
    wipe: async () => {
      await (await connection)?.close();
      connection = undefined;
      await management("DELETE", `/api/vhosts/${name}`);
      await make();
    },
    remove: async () => {
      await (await connection)?.close();
      await management("DELETE", `/api/vhosts/${name}`);
    },
  };
}

async function takeReady(
  channel: Channel,
  queue: string,
  settleUpTo: (last: GetMessage) => void,
): Promise<number> {
  let taken = 0;
  let last: GetMessage | undefined;
  for (let next = await channel.get(queue); next !== false; next = await channel.get(queue)) {
    last = next;
    taken += 1;
  }
  if (last !== undefined) settleUpTo(last);
  return taken;
}

/** Calls RabbitMQ's HTTP API as the tests' administrator. */
export async function management(method: string, path: string, body?: unknown): Promise<unknown> {
  const login = Buffer.from(`${inject("rabbitmqUser")}:${inject("rabbitmqPassword")}`).toString("base64");
  const response = await fetch(`${inject("rabbitmqUrl")}${path}`, {
    method,
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok && response.status !== 404) {
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }
  const text = await response.text();
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}
