import { LADDER_MS } from "../broker/names.ts";
import { crashPoint } from "../config/crash-point.ts";
import { noteError } from "../errors/note-error.ts";
import { cancel } from "../jobs/cancel.ts";
import { complete } from "../jobs/complete.ts";
import { lockJobs } from "../jobs/find-job.ts";
import { hold } from "../jobs/hold.ts";
import { noteIntent } from "../jobs/intents.ts";
import type { JobRow } from "../jobs/job-row.ts";
import { retry } from "../jobs/retry.ts";
import { writeLetters } from "../jobs/write-letter.ts";
import { growingDelay } from "../time/growing-delay.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Handler, SettlingTransaction } from "./handle.ts";
import { jobInHand } from "./job-in-hand.ts";
import type { Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";

/** What settling did: `fenced` means that another claim has the job by now, and nothing was written. */
export type Settlement = "settled" | "fenced";

export interface SettleOptions {
  /** When the handler began. */
  readonly startedAt: Date;
  /** Whether `recordFailure` is to be called; not once it has thrown. */
  readonly tellDomain: boolean;
}

/**
 * Ends a run in one transaction: the effect's record, the job's new state and every follow-up commit together.
 *
 * Writes only under the claim that ran. Throws what `record` throws, with everything rolled back; `settleRun` then
 * settles that error.
 */
export async function settle(
  run: Run,
  outcome: Outcome,
  { startedAt, tellDomain }: SettleOptions,
  context: ConsumerContext,
): Promise<Settlement> {
  const { job, handler, payload } = run;
  return context.db.transaction().execute(async (trx) => {
    const row = (await lockJobs(trx, [job.id])).get(job.id);
    if (row === undefined || row.state !== "running" || row.claim !== job.claim) return "fenced";
    const intent = { jobId: job.id, number: run.intentNumber };
    switch (outcome.kind) {
      case "applied": {
        await noteIntent(trx, intent, "applied");
        const recorded = await handler.record?.(trx, outcome.receipt, { job: jobInHand(job), payload });
        const result = handler.record === undefined ? outcome.receipt : recorded;
        await complete(trx, [{ id: job.id, result, startedAt }]);
        crashPoint("consumer.settling");
        return "settled";
      }
      case "failed":
        await noteIntent(trx, intent, outcome.intent);
        await settleFailure(trx, { row, handler, payload, tellDomain }, outcome.error, outcome.retryAfterMs);
        crashPoint("consumer.settling");
        return "settled";
      case "dead":
        await noteIntent(trx, intent, outcome.intent);
        await recordFailure(trx, { row, handler, payload, tellDomain }, outcome.error);
        await writeLetters(
          trx,
          [{ id: job.id, attempts: row.attempt + 1 }],
          outcome.reason,
          noteError(outcome.error),
        );
        return "settled";
      case "held": {
        await noteIntent(trx, intent, outcome.intent);
        const delayMs = outcome.delayMs ?? growingDelay(row.holds + 1, 1_000, 60_000);
        await hold(trx, { id: job.id, waitsFor: outcome.waitsFor, delayMs, error: noteError(outcome.error) });
        return "settled";
      }
      case "cancelled":
        await noteIntent(trx, intent, "refused");
        await cancel(trx, [job.id], outcome.reason);
        return "settled";
      case "interrupted":
        return "fenced";
    }
  });
}

/** A job whose attempt has just failed; its row is locked. */
export interface FailedJob {
  readonly row: JobRow;
  readonly handler: Handler;
  readonly payload: unknown;
  readonly tellDomain: boolean;
}

/** Counts a failed attempt: again after the backoff, or a dead letter after the last one. */
export async function settleFailure(
  trx: SettlingTransaction,
  failed: FailedJob,
  error: Error,
  retryAfterMs: number | undefined,
): Promise<void> {
  const { row, handler } = failed;
  const attempts = row.attempt + 1;
  if (attempts >= row.max_attempts) {
    await recordFailure(trx, failed, error);
    await writeLetters(trx, [{ id: row.id, attempts }], "attempts_exhausted", noteError(error));
    return;
  }
  const { backoff } = handler.definition;
  const delayMs = retryAfterMs ?? backoff[Math.min(attempts, backoff.length) - 1] ?? 0;
  // A wait queue exists only for the delays that the definitions name.
  const onLadder = backoff.includes(delayMs) && LADDER_MS.some((rung) => rung === delayMs);
  await retry(trx, { id: row.id, delayMs, onLadder, error: noteError(error) });
}

/** Tells the domain that the job is given up, in the transaction that makes its letter. */
export async function recordFailure(
  trx: SettlingTransaction,
  failed: FailedJob,
  error: Error,
): Promise<void> {
  if (!failed.tellDomain) return;
  await failed.handler.recordFailure?.(trx, error, { job: jobInHand(failed.row), payload: failed.payload });
}
