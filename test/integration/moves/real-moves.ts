import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { z } from "zod";
import type { Delivery } from "#shared/broker/consume-queue.ts";
import { BrokerLink } from "#shared/consuming/broker-link.ts";
import type { ConsumerContext } from "#shared/consuming/consumer-context.ts";
import { deadLetterDelivery } from "#shared/consuming/dead-letter-delivery.ts";
import { GateWatch } from "#shared/consuming/gate-watch.ts";
import { Hand } from "#shared/consuming/hand.ts";
import type { Outcome } from "#shared/consuming/outcome.ts";
import { performDelivery } from "#shared/consuming/perform-delivery.ts";
import { recordGroup } from "#shared/consuming/record-group.ts";
import { settle } from "#shared/consuming/settle.ts";
import { Solitude } from "#shared/consuming/solitude.ts";
import type { Database } from "#shared/database/database.ts";
import { defineJob, handle, RetryableError, UnreachableError } from "#shared/index.ts";
import { findJob } from "#shared/jobs/find-job.ts";
import type { JobRow } from "#shared/jobs/job-row.ts";
import { replayLetter } from "#shared/jobs/replay-letter.ts";
import { type TakenJob, takeJob } from "#shared/jobs/take-job.ts";
import { createLogger } from "#shared/log/logger.ts";
import { takeStraight } from "#shared/outbox/take-straight.ts";
import type { Ending } from "../../model/world.ts";
import { HOLDERS } from "./job-rows.ts";

/** The type that all jobs here are of. Its first backoff is a rung of the ladder. */
export const Moved = defineJob("moves.moved", {
  payload: z.object({}),
  priority: "high",
  attempts: 2,
  backoff: [1_000],
});

/** A backoff that no wait queue has. */
const OFF_THE_LADDER_MS = 1_500;

/** What the consumers' own moves need of a process. */
function processOn(db: Database, hurry = new AbortController().signal): ConsumerContext {
  return {
    service: "moves",
    queue: `moves.${Moved.priority}`,
    priority: Moved.priority,
    instance: HOLDERS.B,
    handlers: new Map(),
    db,
    hand: new Hand(),
    solitude: new Solitude(),
    link: linked(),
    gates: { watch: new GateWatch(), breakers: { watch: async (_, call) => call() } },
    log: createLogger("moves", "silent"),
    hurry,
  };
}

function linked(): BrokerLink {
  const link = new BrokerLink();
  link.hasCome(new AbortController().signal);
  return link;
}

/** Settles a run that ended so, under the given claim. */
export async function settleReally(
  db: Database,
  id: string,
  run: { readonly claim: number; readonly number: number },
  ending: Ending,
  { onLadder, asks }: { readonly onLadder: boolean; readonly asks: boolean },
): Promise<void> {
  const job: TakenJob = {
    ...(await rowOf(db, id)),
    claim: run.claim,
    intent_number: run.number,
    intent_before: null,
    intent_age_ms: 0,
    receipt: null,
  };
  const handler = {
    ...handle(Moved, { effects: "keyed", perform: async () => undefined }),
    perform: async () => undefined,
    ...(asks ? { ask: async () => ({ effect: "unknown" }) as const } : {}),
  };
  const options = { startedAt: new Date(), tellDomain: true };
  const settled = { job, handler, payload: {}, intentNumber: run.number, inDoubt: false };
  await settle(settled, outcomeOf(ending, onLadder), options, processOn(db));
}

function outcomeOf(ending: Ending, onLadder: boolean): Outcome {
  const error = new Error("as the model wants it");
  switch (ending.kind) {
    case "applied":
      return { kind: "applied", receipt: "done" };
    case "cancelled":
      return { kind: "cancelled", reason: "as the model wants it" };
    case "held":
      return { kind: "held", error, intent: ending.intent, waitsFor: "the model", delayMs: undefined };
    case "dead":
      return { kind: "dead", error, intent: ending.intent, reason: "permanent_error" };
    case "failed":
      return {
        kind: "failed",
        error,
        intent: ending.intent,
        retryAfterMs: onLadder ? undefined : OFF_THE_LADDER_MS,
      };
  }
}

/** A delivery of a job. */
interface DeliveryOfJob {
  readonly id: string;
  readonly send: number;
  /** Whether its channel is gone by the time that it is given back. */
  readonly isGone: boolean;
  /** Of the row that it came from, past the broker. */
  readonly outboxId?: string;
}

/** Settles a delivery of a handler with database effects only; one that came past the broker has an outbox row. */
export async function recordReally(
  db: Database,
  { id, send, outboxId }: Pick<DeliveryOfJob, "id" | "send" | "outboxId">,
  ending: "applied" | "failed" | "held",
  onLadder: boolean,
): Promise<void> {
  const handler = handle(Moved, {
    record: async () => {
      if (ending === "held") throw new UnreachableError("the model", "nobody there");
      if (ending === "failed")
        throw new RetryableError(
          "model",
          "as the model wants it",
          onLadder ? {} : { retryAfterMs: OFF_THE_LADDER_MS },
        );
    },
  });
  const parsed = { ok: true, id, send, handler, payload: {} } as const;
  const delivery = { ...deliveryOf(id, send), ...(outboxId === undefined ? {} : { outboxId }) };
  await recordGroup([{ delivery, parsed }], processOn(db));
}

/** Reads a job as consumers do. */
export async function rowOf(db: Database, id: string): Promise<JobRow> {
  const found = await findJob(db, id);
  if (found.place !== "jobs") throw new RangeError(`job ${id} is not at work`);
  return found.job;
}

/**
 * Takes a delivery, and stops before its handler has ended; the delivery's channel may be gone by then. One that came past
 * the broker has an outbox row.
 */
export async function interruptReally(
  db: Database,
  { id, send, isGone, outboxId }: DeliveryOfJob,
): Promise<void> {
  const hurry = new AbortController();
  const handler = handle(Moved, {
    effects: "keyed",
    perform: () => {
      hurry.abort();
      return Promise.withResolvers<void>().promise;
    },
  });
  const row = outboxId === undefined ? {} : { outboxId };
  const delivery = { ...deliveryOf(id, send), ...row, isGone: () => isGone };
  await performDelivery(delivery, { ok: true, id, send, handler, payload: {} }, processOn(db, hurry.signal));
}

/** Records a delivery that its queue gave up. */
export async function rejectReally(db: Database, id: string, send: number): Promise<void> {
  const { service, priority, type } = { service: "moves", priority: Moved.priority, type: Moved.type };
  const message = "its queue gave it up";
  const delivery = deliveryOf(id, send);
  await deadLetterDelivery(db, {
    delivery,
    service,
    priority,
    reason: "rejected_by_broker",
    message,
    id,
    send,
    type,
  });
}

/** Replays the letter of a job, whichever it has. */
export async function replayReally(db: Database, id: string): Promise<void> {
  const letters = await sql<{ id: string }>`select id from duly.dead_letters where job_id = ${id}`.execute(
    db,
  );
  const letter = letters.rows[0]?.id ?? randomUUID();
  await db.transaction().execute((trx) => replayLetter(trx, letter));
}

/** Puts a send into the outbox, as it waits there while the broker is away, and gives the id of its row. */
export async function waitInOutbox(db: Database, id: string, send: number): Promise<string> {
  const row = await sql<{ id: string }>`
    insert into duly.outbox (lane, ref, send) values ('critical', ${id}, ${send}) returning id`.execute(db);
  return row.rows[0]?.id ?? "";
}

/** Takes a job past the broker, as consumers do: its row and its claim in one transaction. */
export async function takeStraightReally(
  db: Database,
  { id, send }: { readonly id: string; readonly send: number },
): Promise<TakenJob | undefined> {
  const outboxId = await waitInOutbox(db, id, send);
  return db.transaction().execute(async (trx) => {
    const taken = await takeStraight(trx, [outboxId]);
    return taken.has(outboxId) ? takeJob(trx, { id, send, holder: HOLDERS.B }) : undefined;
  });
}

/** A message of a job, as a consumer gets it. */
function deliveryOf(id: string, send: number, redelivered = false): Delivery {
  return {
    queue: `moves.${Moved.priority}`,
    exchange: "duly.jobs",
    routingKey: `moves.${Moved.priority}.${Moved.type}`,
    body: Buffer.from("{}"),
    messageId: id,
    type: Moved.type,
    correlationId: id,
    headers: { "duly-send": send },
    redelivered,
    isGone: () => false,
    ack: () => undefined,
    giveBack: () => undefined,
  };
}
