import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Channel, ChannelModel, ConsumeMessage } from "amqplib";
import type { Logger } from "../log/logger.ts";
import { aborted } from "../time/aborted.ts";
import { growingDelay } from "../time/growing-delay.ts";
import { orAborted } from "../time/or-aborted.ts";
import { pause } from "../time/pause.ts";
import { withFirstOf } from "../time/with-first-of.ts";
import { closeWithin } from "./close-within.ts";
import { GiveBacks } from "./give-backs.ts";
import type { Intake } from "./intake.ts";
import { isMissingQueue } from "./is-missing-queue.ts";

/** One hand-over by the broker. */
export interface Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly messageId: string | undefined;
  readonly type: string | undefined;
  readonly correlationId: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The broker handed this message out before and did not hear of it again. */
  readonly redelivered: boolean;
  /** Whether it can no longer be acked: its channel is gone, and the message comes again. */
  readonly isGone: () => boolean;
  /** Tells the broker to forget it; does nothing when its channel is gone, for then it comes again. */
  readonly ack: () => void;
  /** Hands it back untouched, for others to take: once this consumer takes no more, or with its channel. */
  readonly giveBack: () => void;
}

export interface QueueOptions {
  readonly connection: ChannelModel;
  readonly queue: string;
  readonly intake: Intake;
  readonly log: Logger;
  /** Takes a delivery; the promise ends when it is settled. Must not throw. */
  readonly onDelivery: (delivery: Delivery) => Promise<void>;
  /** Called each time the broker has accepted the consumer. */
  readonly onConsuming?: () => void;
  /** The connection is gone. */
  readonly lost: AbortSignal;
  /** Take nothing more, finish what is in hand. */
  readonly stop: AbortSignal;
  /** The time for that is over. */
  readonly hurry: AbortSignal;
  /** Awaited before the channel is closed on `stop`, when whatever is unacked goes to others. */
  readonly beforeLeaving?: () => Promise<unknown>;
}

/**
 * Consumes one queue on a channel of its own until `stop` or `lost`.
 *
 * A queue that is not there yet, a channel that closes and a consumer that the broker cancels (queue deleted, ack
 * timeout) all lead to a new channel with a new consumer tag. On `stop` it takes nothing more, hands back what has not
 * begun, waits for the deliveries in hand until `hurry`, and closes the channel, which flushes the acks; what is left
 * comes again. A changed intake leads to a new channel, too, after the deliveries in hand.
 */
export async function consumeQueue(options: QueueOptions): Promise<void> {
  await withFirstOf([options.lost, options.stop], (end) => consumeUntil(end, options));
}

async function consumeUntil(end: AbortSignal, options: QueueOptions): Promise<void> {
  const { log, queue, intake } = options;
  for (let failures = 0; !end.aborted; ) {
    const { prefetch, changed } = intake;
    if (prefetch === 0) {
      await withFirstOf([end, changed], aborted);
      continue;
    }
    const began = Date.now();
    try {
      await consumeOnChannel(options, prefetch, { end, changed });
      if (changed.aborted) continue;
    } catch (error) {
      if (isMissingQueue(error)) log.info({ queue }, "the queue is not there yet: the relay declares it");
      else if (!end.aborted)
        log.warn({ err: error, queue }, "the channel of a queue closed; opening the next");
    }
    failures = Date.now() - began > 10_000 ? 0 : failures + 1;
    if (!end.aborted) await pause(growingDelay(failures, 100, 5_000), end);
  }
}

async function consumeOnChannel(
  options: QueueOptions,
  prefetch: number,
  { end, changed }: { readonly end: AbortSignal; readonly changed: AbortSignal },
): Promise<void> {
  const { connection, queue, log } = options;
  const channel = await orAborted(connection.createChannel(), end);
  const over = new AbortController();
  const open = { now: true };
  channel.on("error", (error) => log.debug({ err: error, queue }, "RabbitMQ closed a channel"));
  channel.once("close", () => {
    open.now = false;
    over.abort(new Error(`the channel of ${queue} closed`));
  });
  const inHand = new Set<Promise<void>>();
  const giveBacks = new GiveBacks(channel, () => open.now);
  const consumerTag = `${queue}@${hostname()}-${randomUUID().slice(0, 8)}`;
  await orAborted(channel.prefetch(prefetch), end);
  const consuming = channel.consume(
    queue,
    (message) => {
      if (message === null) return over.abort(new Error(`the broker cancelled the consumer of ${queue}`));
      const settled = options.onDelivery(toDelivery(queue, message, channel, open, giveBacks));
      inHand.add(settled);
      settled.finally(() => inHand.delete(settled)).catch((error: unknown) => over.abort(error));
    },
    { consumerTag },
  );
  await orAborted(consuming, end);
  log.debug({ queue, prefetch }, "consuming");
  options.onConsuming?.();
  await withFirstOf([end, over.signal, changed], aborted);
  if (over.signal.aborted) {
    open.now = false;
    if (!options.lost.aborted) await closeWithin(channel, options.lost, log);
    throw over.signal.reason;
  }
  await drain(options, channel, consumerTag, giveBacks, inHand);
  if (options.stop.aborted) await options.beforeLeaving?.();
  open.now = false;
  if (!options.lost.aborted) await closeWithin(channel, options.lost, log);
}

async function drain(
  options: QueueOptions,
  channel: Channel,
  tag: string,
  giveBacks: GiveBacks,
  inHand: ReadonlySet<Promise<void>>,
) {
  if (options.lost.aborted) return;
  await withFirstOf([options.lost], (lost) => Promise.race([channel.cancel(tag), aborted(lost)]));
  giveBacks.begin();
  const finished = Promise.allSettled(inHand);
  await withFirstOf([options.hurry, options.lost], (late) => Promise.race([finished, aborted(late)]));
}

function toDelivery(
  queue: string,
  message: ConsumeMessage,
  channel: Channel,
  open: { now: boolean },
  giveBacks: GiveBacks,
): Delivery {
  const { fields, content: body } = message;
  const properties: Readonly<Record<string, unknown>> = { ...message.properties };
  return {
    queue,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    body,
    messageId: textOrNone(properties["messageId"]),
    type: textOrNone(properties["type"]),
    correlationId: textOrNone(properties["correlationId"]),
    headers: { ...message.properties.headers },
    redelivered: fields.redelivered,
    isGone: () => !open.now,
    ack: () => {
      if (open.now) channel.ack(message);
    },
    giveBack: () => giveBacks.add(message),
  };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
