import type { Delivery } from "../broker/consume-queue.ts";
import { crashPoint } from "../config/crash-point.ts";
import { isDatabaseFault } from "../database/database-fault.ts";
import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { asError } from "../errors/as-error.ts";
import { classifyError } from "../errors/classify-error.ts";
import { cancel } from "../jobs/cancel.ts";
import { type Completion, complete } from "../jobs/complete.ts";
import { lockJobs } from "../jobs/find-job.ts";
import { freeUniqueKeys } from "../jobs/free-unique-keys.ts";
import type { JobRow } from "../jobs/job-row.ts";
import { takeStraight } from "../outbox/take-straight.ts";
import { awaitDueTime } from "./await-due-time.ts";
import { buryUnknownJob } from "./bury-unknown-job.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { failureOfError } from "./failure-of-error.ts";
import type { Handler, SettlingTransaction } from "./handle.ts";
import { jobInHand } from "./job-in-hand.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";
import { settleFailure } from "./settle.ts";
import { outboxIdOf } from "./straight-delivery.ts";

/** One delivery of a handler that has database effects only. */
export interface RecordItem {
  readonly delivery: Delivery;
  readonly parsed: ParsedDelivery;
}

interface LiveItem extends RecordItem {
  readonly row: JobRow;
}

/**
 * Settles a group of deliveries in one transaction: lock, fence, effects, new states. After it they may all be acked.
 *
 * When a handler throws, the group is rolled back and each half of it goes on by itself, until the bad job is alone: it
 * costs its neighbours nothing but the time of some transactions, a few more with each doubling of the group. PostgreSQL's
 * own trouble is waited out and counts for nobody.
 */
export async function recordGroup(items: readonly RecordItem[], context: ConsumerContext): Promise<void> {
  const startedAt = new Date();
  const run = (group: readonly RecordItem[]) =>
    untilDatabaseAnswers(() => recordTogether(group, startedAt, context), context.hurry, context.log);
  try {
    await run(items);
  } catch (thrown) {
    if (isDatabaseFault(thrown) || thrown instanceof Interrupted) throw thrown;
    if (items.length === 1) return recordError(items, thrown, context);
    const half = Math.ceil(items.length / 2);
    await recordGroup(items.slice(0, half), context);
    await recordGroup(items.slice(half), context);
  }
}

async function recordTogether(
  items: readonly RecordItem[],
  startedAt: Date,
  context: ConsumerContext,
): Promise<void> {
  const unknown = await context.db.transaction().execute(async (trx) => {
    const { live, expired, unwanted, absent } = await fence(trx, items);
    crashPoint("consumer.group-fenced");
    await cancel(trx, idsOf(expired), "expired before it could run");
    await cancel(trx, idsOf(unwanted), "cancelled on request");
    await complete(trx, await recordLive(context.hurry, trx, live, startedAt));
    crashPoint("consumer.group-recorded");
    return absent;
  });
  for (const item of unknown) await buryUnknownJob(item.delivery, item.parsed, context);
}

// Deliveries straight from the outbox settle together with their rows, so that no relay can still publish them; one
// whose row somebody else has is somebody else's.
async function ownItems(trx: SettlingTransaction, items: readonly RecordItem[]): Promise<RecordItem[]> {
  const outboxIds = items.map(({ delivery }) => outboxIdOf(delivery)).filter((id) => id !== undefined);
  const taken = await takeStraight(trx, outboxIds);
  return items.filter(({ delivery }) => {
    const id = outboxIdOf(delivery);
    return id === undefined || taken.has(id);
  });
}

// Stale deliveries fall out here: another send, a state that is not waiting for this one, a second copy in the group.
async function fence(trx: SettlingTransaction, all: readonly RecordItem[]) {
  const items = await ownItems(trx, all);
  const rows = await lockJobs(
    trx,
    items.map(({ parsed }) => parsed.id),
  );
  const live = new Map<string, LiveItem>();
  const expired = new Map<string, LiveItem>();
  const unwanted = new Map<string, LiveItem>();
  const absent: RecordItem[] = [];
  for (const item of items) {
    const row = rows.get(item.parsed.id);
    if (row === undefined) absent.push(item);
    else if (row.send === item.parsed.send && (row.state === "queued" || row.state === "retrying")) {
      const place = row.cancel_requested ? unwanted : row.expired ? expired : live;
      place.set(row.id, { ...item, row });
    }
  }
  return {
    live: [...live.values()],
    expired: [...expired.values()],
    unwanted: [...unwanted.values()],
    absent,
  };
}

function idsOf(items: readonly LiveItem[]): string[] {
  return items.map(({ row }) => row.id);
}

async function recordLive(
  hurry: AbortSignal,
  trx: SettlingTransaction,
  live: readonly LiveItem[],
  startedAt: Date,
): Promise<Completion[]> {
  const done: Completion[] = [];
  const rows = live.map(({ row }) => row);
  await awaitDueTime(rows, hurry);
  await freeUniqueKeys(trx, rows);
  for (const [handler, items] of byHandler(live)) {
    const inHand = ({ row, parsed }: LiveItem) => ({ job: jobInHand(row), payload: parsed.payload });
    if (handler.recordAll !== undefined) {
      await handler.recordAll(trx, items.map(inHand));
      done.push(...items.map(({ row: { id, send } }) => ({ id, send, result: undefined, startedAt })));
    } else {
      for (const item of items) {
        const result = await handler.record?.(trx, undefined, inHand(item));
        done.push({ id: item.row.id, send: item.row.send, result, startedAt });
      }
    }
  }
  return done;
}

function byHandler(items: readonly LiveItem[]): Map<Handler, LiveItem[]> {
  const groups = new Map<Handler, LiveItem[]>();
  for (const item of items) {
    const group = groups.get(item.parsed.handler);
    if (group === undefined) groups.set(item.parsed.handler, [item]);
    else group.push(item);
  }
  return groups;
}

// The handler's transaction is gone with its error; this one counts the attempt, under the same fence.
async function recordError(
  items: readonly RecordItem[],
  thrown: unknown,
  context: ConsumerContext,
): Promise<void> {
  const error = asError(thrown);
  // Its effects were rolled back with it, so none is in doubt.
  const failure = failureOfError(error, classifyError(error));
  const onTable = context.link.isAway;
  const settleWith = (tellDomain: boolean) =>
    context.db.transaction().execute(async (trx) => {
      for (const { row, parsed } of (await fence(trx, items)).live) {
        await settleFailure(
          trx,
          { row, handler: parsed.handler, payload: parsed.payload, tellDomain, onTable },
          failure,
        );
      }
      crashPoint("consumer.group-recorded");
    });
  try {
    await untilDatabaseAnswers(() => settleWith(true), context.hurry, context.log);
  } catch (second) {
    if (isDatabaseFault(second) || second instanceof Interrupted) throw second;
    context.log.error(
      { err: second, queue: context.queue },
      "recordFailure threw; the job is settled without it",
    );
    await untilDatabaseAnswers(() => settleWith(false), context.hurry, context.log);
  }
}
