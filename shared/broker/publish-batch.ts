import { once } from "node:events";
import type { ConfirmChannel, Options } from "amqplib";
import { crashPoint } from "../config/crash-point.ts";

export type { ConfirmChannel } from "amqplib";

/** One message on its way to the broker. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly properties: Options.Publish & { readonly messageId: string };
}

/**
 * What became of a message: `confirmed` the broker has it safely · `returned` no queue is bound for it · `refused` a
 * queue has no room (nack) · `unconfirmed` nobody knows (timeout, lost channel) · `unpublishable` it can never be sent,
 * and why.
 */
export type PublishOutcome =
  | { readonly kind: "confirmed" | "returned" | "refused" | "unconfirmed" }
  | { readonly kind: "unpublishable"; readonly reason: string };

/** RabbitMQ 4 refuses more than 16 MiB (max_message_size) by closing the channel. */
export const LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024;

/** How the driver words a nack; its other error, "channel closed", leaves the outcome unknown. */
const NACKED = "message nacked";

const NO_OUTCOME: PublishOutcome = { kind: "unconfirmed" };

/** How long messages are waited for. */
export interface Patience {
  readonly timeoutMs: number;
  /** Ends the waiting at once. */
  readonly giveUp?: AbortSignal;
  /** Messages that find out whether their queue answers again: no other is kept waiting for them. */
  readonly probes?: ReadonlySet<OutgoingMessage>;
}

/** An answer for a probe comes about as fast as those for the others, or it does not come. */
const PROBE_MS = 500;

/**
 * Publishes messages and waits until the broker has answered for each, or the patience is over.
 *
 * Outcomes stand in the order of the messages. Never throws for a single message. An unroutable message is returned
 * first and then confirmed too, so a return goes before a confirm.
 */
export async function publishBatch(
  channel: ConfirmChannel,
  messages: readonly OutgoingMessage[],
  { timeoutMs, giveUp: lost, probes }: Patience,
): Promise<PublishOutcome[]> {
  const outcomes = messages.map(() => NO_OUTCOME);
  const returned = new Set<string>();
  const onReturn = (message: {
    fields: { exchange: string; routingKey: string };
    properties: { messageId: unknown };
  }) =>
    void returned.add(
      identity(message.fields.exchange, message.fields.routingKey, String(message.properties.messageId)),
    );
  const closed = new AbortController();
  const onClose = () => closed.abort();
  const giveUp = AbortSignal.any([
    closed.signal,
    AbortSignal.timeout(timeoutMs),
    ...(lost === undefined ? [] : [lost]),
  ]);
  channel.on("return", onReturn).once("close", onClose);
  try {
    const answers: Promise<void>[] = [];
    const probeAnswers: Promise<void>[] = [];
    for (const [place, message] of messages.entries()) {
      if (giveUp.aborted) break;
      const { promise, writable } = publishOne(channel, message, returned, (outcome) => {
        outcomes[place] = outcome;
      });
      (probes?.has(message) === true ? probeAnswers : answers).push(promise);
      crashPoint("relay.publishing");
      if (!writable) await drained(channel, giveUp);
    }
    crashPoint("relay.published");
    await settledUnless(giveUp, answers);
    if (probeAnswers.length > 0)
      await settledUnless(AbortSignal.any([giveUp, AbortSignal.timeout(PROBE_MS)]), probeAnswers);
    return [...outcomes];
  } finally {
    channel.off("return", onReturn).off("close", onClose);
  }
}

function publishOne(
  channel: ConfirmChannel,
  message: OutgoingMessage,
  returned: ReadonlySet<string>,
  report: (outcome: PublishOutcome) => void,
): { promise: Promise<void>; writable: boolean } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { exchange, routingKey, body, properties } = message;
  if (body.length > LARGEST_MESSAGE_BYTES) {
    report({
      kind: "unpublishable",
      reason: `its body of ${body.length} bytes is above ${LARGEST_MESSAGE_BYTES}`,
    });
    return { promise: Promise.resolve(), writable: true };
  }
  try {
    const writable = channel.publish(
      exchange,
      routingKey,
      body,
      { ...properties, mandatory: true },
      (error) => {
        const wasReturned = returned.has(identity(exchange, routingKey, properties.messageId));
        if (!(error instanceof Error)) report({ kind: wasReturned ? "returned" : "confirmed" });
        else if (error.message === NACKED) report({ kind: "refused" });
        resolve();
      },
    );
    return { promise, writable };
  } catch (error) {
    // The driver refuses what does not fit AMQP's fields with one of these two; everything else is a lost channel.
    if (error instanceof RangeError || error instanceof TypeError) {
      report({ kind: "unpublishable", reason: error.message });
    }
    return { promise: Promise.resolve(), writable: true };
  }
}

function identity(exchange: string, routingKey: string, messageId: string): string {
  return `${exchange} ${routingKey} ${messageId}`;
}

async function drained(channel: ConfirmChannel, giveUp: AbortSignal): Promise<void> {
  await once(channel, "drain", { signal: giveUp }).catch((error: unknown) => {
    if (!giveUp.aborted) throw error;
  });
}

async function settledUnless(giveUp: AbortSignal, answers: readonly Promise<void>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onGiveUp = () => resolve();
  if (giveUp.aborted) return;
  giveUp.addEventListener("abort", onGiveUp, { once: true });
  await Promise.race([Promise.all(answers), promise]);
  giveUp.removeEventListener("abort", onGiveUp);
}
