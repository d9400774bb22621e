import type { Channel, Options } from "amqplib";
import type { Priority } from "../contracts/priority.ts";
import {
  DEAD_LETTERS_EXCHANGE,
  deadLetterQueue,
  EVENTS_EXCHANGE,
  eventQueue,
  JOBS_EXCHANGE,
  LADDER_MS,
  REJECTED_EXCHANGE,
  REJECTED_QUEUE,
  retryExchange,
  UNCLAIMED_EXCHANGE,
  UNCLAIMED_QUEUE,
  waitQueue,
  workQueue,
} from "./names.ts";

/** What the registered types and subscriptions ask of the broker. */
export interface Topology {
  /** Each service's priorities, and the backoff delays (ms) in use on each. */
  readonly work: readonly { service: string; priority: Priority; delaysMs: readonly number[] }[];
  /** Which events (routing keys) each service hears. */
  readonly subscriptions: readonly { service: string; eventType: string }[];
}

const MANY_RETURNS = 1_000_000;

/**
 * Arguments that safety depends on. Only quorum queues confirm after fsync on one node and dead-letter at least once;
 * leave the strategy or the overflow out and RabbitMQ silently falls back to at most once (docs/quorum-queues).
 */
function safeQueue(
  description: string,
  deliveryLimit: number,
  more: Record<string, unknown> = {},
): Options.AssertQueue {
  return {
    durable: true,
    arguments: {
      "x-queue-type": "quorum",
      "x-overflow": "reject-publish",
      // Explicit and positive: -1 drops at the first return on 3.10, unset means 20 on 4.0.
      "x-delivery-limit": deliveryLimit,
      description,
      ...more,
    },
  };
}

function deadLetteringTo(exchange: string): Record<string, unknown> {
  return { "x-dead-letter-exchange": exchange, "x-dead-letter-strategy": "at-least-once" };
}

/**
 * Declares every exchange, queue and binding; repeating it changes nothing.
 *
 * Only the relay calls this, on each new connection before it publishes. The broker closes the channel (406) when
 * something of the same name exists with other arguments.
 */
export async function declareTopology(channel: Channel, topology: Topology): Promise<void> {
  await channel.assertExchange(JOBS_EXCHANGE, "topic", { durable: true });
  await channel.assertExchange(EVENTS_EXCHANGE, "topic", { durable: true });
  await declareDeadLetters(channel);
  await channel.assertExchange(REJECTED_EXCHANGE, "fanout", { durable: true });
  await channel.assertQueue(
    REJECTED_QUEUE,
    safeQueue("Deliveries that a queue gave up; the dead-letters service records them.", MANY_RETURNS),
  );
  await channel.bindQueue(REJECTED_QUEUE, REJECTED_EXCHANGE, "");
  // First the place for letters: a service's very first job may make one.
  const services = [...topology.work, ...topology.subscriptions].map(({ service }) => service);
  for (const service of new Set(services)) await declareParked(channel, service);
  for (const { service, priority, delaysMs } of topology.work) {
    await declareWork(channel, service, priority);
    for (const delayMs of LADDER_MS.filter((rung) => delaysMs.includes(rung))) {
      await declareWait(channel, service, priority, delayMs);
    }
  }
  for (const { service, eventType } of topology.subscriptions) {
    const queue = eventQueue(service);
    const description = `What ${service} hears of other services.`;
    await channel.assertQueue(
      queue,
      safeQueue(description, MANY_RETURNS, deadLetteringTo(REJECTED_EXCHANGE)),
    );
    await channel.bindQueue(queue, EVENTS_EXCHANGE, eventType);
  }
}

// A letter about something that is no service's (an event, foreign bytes) would come back unroutable for ever: the
// alternate exchange gives it a queue of its own.
async function declareDeadLetters(channel: Channel): Promise<void> {
  await channel.assertExchange(UNCLAIMED_EXCHANGE, "fanout", { durable: true });
  await channel.assertExchange(DEAD_LETTERS_EXCHANGE, "topic", {
    durable: true,
    alternateExchange: UNCLAIMED_EXCHANGE,
  });
  await channel.assertQueue(
    UNCLAIMED_QUEUE,
    safeQueue("Dead letters that belong to no service, for people. PostgreSQL has them too.", MANY_RETURNS),
  );
  await channel.bindQueue(UNCLAIMED_QUEUE, UNCLAIMED_EXCHANGE, "");
}

async function declareWork(channel: Channel, service: string, priority: Priority): Promise<void> {
  const queue = workQueue(service, priority);
  // 100 returns, then the rejected queue: a guard against deliveries that kill their consumer, not a retry count.
  const description = `Jobs of ${service} with priority ${priority}.`;
  await channel.assertQueue(queue, safeQueue(description, 100, deadLetteringTo(REJECTED_EXCHANGE)));
  await channel.bindQueue(queue, JOBS_EXCHANGE, `${queue}.#`);
}

// A wait queue of its own per service, priority and delay: 32 unroutable messages stall an at-least-once wait queue for
// 180 s, so nobody may share another's.
async function declareWait(
  channel: Channel,
  service: string,
  priority: Priority,
  delayMs: number,
): Promise<void> {
  const exchange = retryExchange(delayMs);
  const queue = waitQueue(service, priority, delayMs);
  const description = `Jobs of ${service}.${priority} that wait ${delayMs / 1000} s for their next attempt.`;
  await channel.assertExchange(exchange, "topic", { durable: true });
  await channel.assertQueue(
    queue,
    safeQueue(description, MANY_RETURNS, { "x-message-ttl": delayMs, ...deadLetteringTo(JOBS_EXCHANGE) }),
  );
  await channel.bindQueue(queue, exchange, `${service}.${priority}.#`);
}

async function declareParked(channel: Channel, service: string): Promise<void> {
  const queue = deadLetterQueue(service);
  await channel.assertQueue(
    queue,
    safeQueue(`Dead letters of ${service}, for people. PostgreSQL has them too.`, MANY_RETURNS),
  );
  await channel.bindQueue(queue, DEAD_LETTERS_EXCHANGE, `${service}.#`);
}
