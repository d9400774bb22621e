import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { consumeQueue, type Delivery } from "../broker/consume-queue.ts";
import { type BrokerConnection, holdConnection } from "../broker/hold-connection.ts";
import { eventQueue, workQueue } from "../broker/names.ts";
import type { ConsumerConfig } from "../config/env.ts";
import { PRIORITIES, PRIORITY_DEFAULTS, type Priority } from "../contracts/priority.ts";
import { type Database, openDatabase } from "../database/database.ts";
import { register } from "../jobs/register.ts";
import type { Logger } from "../log/logger.ts";
import { aborted } from "../time/aborted.ts";
import { Hand } from "./hand.ts";
import type { Handler } from "./handle.ts";
import { hearEvent } from "./hear-event.ts";
import { beat, type HeartbeatOptions, keepBeating, signOff } from "./heartbeat.ts";
import type { Subscription } from "./subscribe.ts";
import { WorkQueue } from "./work-queue.ts";

/** Handlers that run at once in this process, by priority. */
export type Workers = Readonly<Partial<Record<Priority, number>>>;

export interface ConsumeRequest {
  readonly service: string;
  readonly parts: readonly (Handler | Subscription)[];
  /** The service's own numbers; the environment's WORKERS_… go before. */
  readonly workers: Workers;
  readonly config: ConsumerConfig;
  /** For registering and heartbeats; the queues have connections of their own. */
  readonly db: Database;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly hurry: AbortSignal;
  /** Called when the first connection stands and every queue is being consumed. */
  readonly ready: () => void;
}

const EVENTS_PREFETCH = 50;
const RECORD_PREFETCH = 400;
/** RabbitMQ closes a channel whose delivery is not acked within 30 minutes (consumer_timeout). */
const LONGEST_IN_HAND_MS = 25 * 60_000;

/**
 * Runs a service's handlers and subscriptions until `stop`: registers them, consumes the queue of each priority on a
 * channel, workers and database connections of its own, and beats.
 */
export async function consume(request: ConsumeRequest): Promise<void> {
  const { service, config, db, log, stop, hurry } = request;
  const handlers = new Map(
    request.parts.filter(isHandler).map((handler) => [handler.definition.type, handler]),
  );
  const subscriptions = new Map(
    request.parts.filter(isSubscription).map((part) => [part.event.routingKey, part]),
  );
  await db.transaction().execute((trx) =>
    register(
      trx,
      service,
      [...handlers.values()].map((handler) => handler.definition),
      [...subscriptions.keys()],
    ),
  );
  if (handlers.size + subscriptions.size < request.parts.length) {
    throw new TypeError(`${service} registers two handlers or subscriptions for one type`);
  }
  const hand = new Hand();
  const heartbeat = { instance: randomUUID(), service, hand, db, log };
  await beat(heartbeat);
  const drained = new AbortController();
  const beating = keepBeating(heartbeat, drained.signal);
  const signingOff = signOffOn(hurry, heartbeat);

  const queues = servedPriorities(handlers, config).map((priority) => {
    const workers = workersOf(priority, request);
    const url = config.DATABASE_URL;
    const queueDb = openDatabase({
      url,
      name: `duly ${service}.${priority}`,
      connections: Math.min(workers, 5) + 1,
      log,
    });
    const queue = workQueue(service, priority);
    const context = {
      service,
      queue,
      priority,
      instance: heartbeat.instance,
      handlers,
      db: queueDb,
      hand,
      log,
      hurry,
    };
    const work = new WorkQueue(context, workers, stop);
    return {
      queue,
      prefetch: prefetchOf(priority, handlers, workers),
      db: queueDb,
      work,
    };
  });

  // The first connection of each queue is open before its first job comes.
  await Promise.all(queues.map((queue) => sql`select 1`.execute(queue.db)));
  const takers = queues.map(({ queue, prefetch, work }) => ({
    queue,
    prefetch,
    onDelivery: (delivery: Delivery) => work.take(delivery),
  }));
  if (subscriptions.size > 0) {
    const context = { service, subscriptions, db, log, hurry };
    const onDelivery = (delivery: Delivery) => hearEvent(delivery, context);
    takers.push({ queue: eventQueue(service), prefetch: EVENTS_PREFETCH, onDelivery });
  }
  const awaited = new Set(takers.map(({ queue }) => queue));
  const use = async (connection: BrokerConnection, lost: AbortSignal) => {
    const consuming = takers.map((taker) => {
      const onConsuming = () => {
        awaited.delete(taker.queue);
        if (awaited.size === 0) request.ready();
      };
      return consumeQueue({
        ...taker,
        connection,
        log,
        lost,
        stop,
        hurry,
        beforeLeaving: signingOff,
        onConsuming,
      });
    });
    await Promise.all(consuming);
  };
  try {
    await holdConnection({ url: config.AMQP_URL, name: `duly.${service}`, log, signal: stop }, use);
    // A channel waits for its own deliveries; this waits for those whose channel was lost, too.
    await Promise.race([Promise.all(queues.map(({ work }) => work.idle())), aborted(hurry)]);
  } finally {
    drained.abort();
    await beating;
    await signOff(heartbeat).catch((error: unknown) =>
      log.warn({ err: error }, "could not sign off; the sweep will notice"),
    );
    await Promise.all(queues.map((queue) => queue.db.destroy()));
  }
}

// Whoever gets an unfinished delivery next must see that its holder is gone, so that it takes it over at once.
function signOffOn(hurry: AbortSignal, heartbeat: HeartbeatOptions): () => Promise<void> {
  let done = Promise.resolve();
  const start = () => {
    done = signOff(heartbeat).catch((error: unknown) =>
      heartbeat.log.warn({ err: error }, "could not sign off; the sweep will notice"),
    );
  };
  hurry.addEventListener("abort", start, { once: true });
  return () => done;
}

function isHandler(part: Handler | Subscription): part is Handler {
  return "definition" in part;
}

function isSubscription(part: Handler | Subscription): part is Subscription {
  return "event" in part;
}

function servedPriorities(handlers: ReadonlyMap<string, Handler>, config: ConsumerConfig): Priority[] {
  const allowed = new Set([...handlers.values()].flatMap((handler) => handler.definition.priorities));
  return PRIORITIES.filter((priority) => allowed.has(priority) && config.PRIORITIES.includes(priority));
}

function workersOf(priority: Priority, { config, workers }: ConsumeRequest): number {
  const fromEnvironment = {
    critical: config.WORKERS_CRITICAL,
    high: config.WORKERS_HIGH,
    medium: config.WORKERS_MEDIUM,
    low: config.WORKERS_LOW,
    batch: config.WORKERS_BATCH,
  }[priority];
  return fromEnvironment ?? workers[priority] ?? PRIORITY_DEFAULTS[priority].workers;
}

function prefetchOf(priority: Priority, handlers: ReadonlyMap<string, Handler>, workers: number): number {
  const performing = [...handlers.values()].filter(
    (handler) => handler.perform !== undefined && handler.definition.priorities.includes(priority),
  );
  if (performing.length === 0) return RECORD_PREFETCH;
  const longest = Math.max(...performing.map((handler) => handler.definition.timeoutMs));
  return Math.max(1, Math.min(2 * workers, Math.floor((LONGEST_IN_HAND_MS * workers) / longest)));
}
