import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import { expire } from "#shared/jobs/expire.ts";
import { fireDue, nextTimes } from "#shared/jobs/fire-due.ts";
import type { Logger } from "#shared/log/logger.ts";
import type { Bell } from "#shared/time/bell.ts";
import { growingDelay } from "#shared/time/growing-delay.ts";
import { pause } from "#shared/time/pause.ts";

export interface DueLoopOptions {
  readonly db: Database;
  /** Rung when a job was added that is due before the next look. */
  readonly bell: Bell;
  /** Due jobs of one priority per step. */
  readonly window: number;
  /** How long before its due time a job is sent, so that it is there when it is due. */
  readonly aheadMs: number;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

const BACKSTOP_MS = 250;
/** How long to leave a due job alone whose row is locked. */
const LOCKED_MS = 20;
/** Written down again this often, or it counts as dead in its sleep. */
const REFRESH_MS = 20_000;

/**
 * Sends each job when it is due, to the millisecond that timers allow.
 *
 * It sleeps until the next due time and writes that down first, so that enqueueing rings only for an earlier one. Who
 * enqueued while it fell asleep may not have rung: the look every 250 ms finds that job.
 */
export async function dueLoop(options: DueLoopOptions): Promise<void> {
  const { db, bell, log, stop } = options;
  const instance = randomUUID();
  let failures = 0;
  let written: { readonly atMs: number; readonly on: number } | undefined;
  while (!stop.aborted) {
    try {
      const next = await doWhatIsDue(options);
      failures = 0;
      if (next.did) continue;
      if (written?.atMs !== next.atMs || Date.now() - written.on > REFRESH_MS) {
        await sleepUntil(db, instance, next.atMs);
        written = { atMs: next.atMs, on: Date.now() };
        continue; // the last look
      }
      // What is due and was not sent is locked by somebody: no need to run hot over it.
      const least = next.inMs <= 0 ? LOCKED_MS : 1;
      await bell.wait(Math.min(BACKSTOP_MS, Math.max(least, next.inMs)), stop);
    } catch (error) {
      failures += 1;
      written = undefined;
      log.warn({ err: error }, "due jobs could not be sent; trying again");
      await pause(growingDelay(failures, 50, 2_000), stop);
    }
  }
  await sql`delete from duly.sleepers where instance = ${instance}`
    .execute(db)
    .catch((error: unknown) =>
      log.warn({ err: error }, "could not be struck out of the sleepers; forgotten soon"),
    );
}

interface Next {
  /** Whether something was done and more may be waiting already. */
  readonly did: boolean;
  readonly atMs: number;
  readonly inMs: number;
}

// Due jobs first: nothing may stand between the timer and them.
async function doWhatIsDue({ db, window, aheadMs, log }: DueLoopOptions): Promise<Next> {
  crashPoint("scheduler.looking");
  const fired = await fireDue(db, window, aheadMs);
  if (fired > 0) crashPoint("scheduler.fired");
  if (fired > 0) log.debug({ fired }, "sent due jobs");
  const { dueMs, expiryMs, nowMs } = await nextTimes(db);
  if (expiryMs !== undefined && expiryMs <= nowMs) {
    const expired = await db.transaction().execute(async (trx) => {
      const cancelled = await expire(trx, window);
      if (cancelled > 0) crashPoint("scheduler.expiring");
      return cancelled;
    });
    if (expired > 0) crashPoint("scheduler.expired");
    return { did: fired + expired > 0, atMs: expiryMs, inMs: 0 };
  }
  const atMs = Math.min((dueMs ?? Number.POSITIVE_INFINITY) - aheadMs, expiryMs ?? Number.POSITIVE_INFINITY);
  return { did: fired > 0 && atMs <= nowMs, atMs, inMs: atMs - nowMs };
}

async function sleepUntil(db: Database, instance: string, untilMs: number): Promise<void> {
  const until = Number.isFinite(untilMs) ? new Date(untilMs) : "infinity";
  await sql`
    insert into duly.sleepers (instance, loop, lanes, sleeps_until, since)
    values (${instance}, 'scheduler', '{}', ${until}, duly.now())
    on conflict (instance, loop) do update set sleeps_until = excluded.sleeps_until, since = excluded.since
  `.execute(db);
}
