import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Delivery } from "../broker/consume-queue.ts";
import { holdConnection } from "../broker/hold-connection.ts";
import { Intake } from "../broker/intake.ts";
import { eventQueue } from "../broker/names.ts";
import type { ConsumerConfig } from "../config/env.ts";
import type { Database } from "../database/database.ts";
import { untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { register } from "../jobs/register.ts";
import type { Logger } from "../log/logger.ts";
import { aborted } from "../time/aborted.ts";
import { BrokerLink } from "./broker-link.ts";
import { Caution } from "./caution.ts";
import { consumeAll, type Taker } from "./consume-all.ts";
import { consumeStraight } from "./consume-straight.ts";
import { Hand } from "./hand.ts";
import type { Handler } from "./handle.ts";
import { hearEvent } from "./hear-event.ts";
import { hearOthers } from "./hear-others.ts";
import { openGates } from "./open-gates.ts";
import { openWorkQueue } from "./open-work-queue.ts";
import { becomePresent } from "./presence.ts";
import { QueueMarks } from "./queue-marks.ts";
import { queueSizes, type Workers } from "./queue-sizes.ts";
import { Solitude } from "./solitude.ts";
import type { Subscription } from "./subscribe.ts";

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

interface Parts {
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
}

const EVENTS_PREFETCH = 50;
const LONGEST_GIVING_BACK_MS = 1_000;
const LONGEST_CLOSING_MS = 2_000;

/**
 * Runs a service's handlers and subscriptions until `stop`: registers them, consumes the queue of each priority on a
 * channel, workers and database connections of its own, and beats.
 */
export async function consume(request: ConsumeRequest): Promise<void> {
  const { service, config, db, log, stop, hurry } = request;
  // PostgreSQL may be away while a process starts, as at any other time.
  const onceItAnswers = <T>(step: () => Promise<T>) => untilDatabaseAnswers(step, stop, log);
  const { handlers, subscriptions } = await onceItAnswers(() => registerParts(request));
  const hand = new Hand();
  const instance = randomUUID();
  const presence = await onceItAnswers(() => becomePresent({ instance, service, hand, db, log }, hurry));

  const solitude = new Solitude();
  const link = new BrokerLink();
  const url = config.DATABASE_URL;
  const gates = await onceItAnswers(() => openGates({ handlers: handlers.values(), db, log, hurry }));
  const hearing = hearOthers({ service, hand, gates, link, db, url, log });
  const ours = { service, instance, handlers, hand, solitude, link, gates, log, hurry };
  const queues = queueSizes(handlers, request.workers, config).map((sizes) =>
    openWorkQueue(sizes, ours, url, stop),
  );
  // The first connection of each queue is open before its first job comes.
  await onceItAnswers(() => Promise.all(queues.map(({ context }) => sql`select 1`.execute(context.db))));
  const intakes = new Map(queues.map(({ context, intake }) => [context.queue, intake]));
  const marks = new QueueMarks([...intakes.keys()], db, log);
  const caution = new Caution(intakes, db, log);
  const takers: Taker[] = queues.map(({ context, intake, take }) => ({
    queue: context.queue,
    intake,
    onDelivery: (delivery) => {
      marks.note(delivery);
      return take(delivery);
    },
  }));
  if (subscriptions.size > 0) {
    const context = { service, subscriptions, db, log, hurry };
    const onDelivery = (delivery: Delivery) => solitude.among(() => hearEvent(delivery, context));
    takers.push({ queue: eventQueue(service), intake: new Intake(EVENTS_PREFETCH), onDelivery });
  }
  const idle = () => Promise.all(queues.map(({ work }) => work.idle()));
  // Whoever gets an unfinished delivery next finds its job given back, or at least its holder gone.
  const beforeLeaving = async () => {
    if (hurry.aborted) await Promise.race([idle(), aborted(AbortSignal.timeout(LONGEST_GIVING_BACK_MS))]);
    await presence.signingOff();
  };
  try {
    const use = consumeAll(takers, {
      link,
      marks,
      caution,
      log,
      stop,
      hurry,
      beforeLeaving,
      ready: request.ready,
    });
    const critical = queues.filter(({ context }) => context.priority === "critical");
    await Promise.all([
      holdConnection({ url: config.AMQP_URL, name: `duly.${service}`, log, signal: stop }, use),
      ...critical.map((queue) => consumeStraight(queue, stop)),
    ]);
    // A channel waits for its own deliveries; this waits for those whose channel was lost, too.
    await Promise.race([idle(), aborted(hurry)]);
  } finally {
    await hearing.close();
    await gates.close();
    await presence.end();
    // Whoever ignores its signal keeps its connection, which ends with the process.
    const closing = Promise.all(queues.map((queue) => queue.close()));
    await Promise.race([closing, aborted(AbortSignal.timeout(LONGEST_CLOSING_MS))]);
  }
}

async function registerParts({ service, parts, db }: ConsumeRequest): Promise<Parts> {
  const handlers = new Map(parts.filter(isHandler).map((handler) => [handler.definition.type, handler]));
  const subscriptions = new Map(parts.filter(isSubscription).map((part) => [part.event.routingKey, part]));
  const definitions = [...handlers.values()].map((handler) => handler.definition);
  await db.transaction().execute((trx) => register(trx, service, definitions, [...subscriptions.keys()]));
  if (handlers.size + subscriptions.size < parts.length) {
    throw new TypeError(`${service} registers two handlers or subscriptions for one type`);
  }
  return { handlers, subscriptions };
}

function isHandler(part: Handler | Subscription): part is Handler {
  return "definition" in part;
}

function isSubscription(part: Handler | Subscription): part is Subscription {
  return "event" in part;
}
