import { LADDER_MS } from "../broker/names.ts";
import { crashPoint } from "../config/crash-point.ts";
import { noteError } from "../errors/note-error.ts";
import { cancel } from "../jobs/cancel.ts";
import { complete } from "../jobs/complete.ts";
import { lockJobs } from "../jobs/find-job.ts";
import { freeUniqueKeys } from "../jobs/free-unique-keys.ts";
import { hold } from "../jobs/hold.ts";
import { noteIntent } from "../jobs/intents.ts";
import type { JobRow } from "../jobs/job-row.ts";
import { retry } from "../jobs/retry.ts";
import { type LetterReason, writeLetters } from "../jobs/write-letter.ts";
import { growingDelay } from "../time/growing-delay.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Handler, SettlingTransaction } from "./handle.ts";
import { jobInHand } from "./job-in-hand.ts";
import type { Failure, Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";
import { whenCalledOff } from "./when-called-off.ts";

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
        await freeUniqueKeys(trx, [row]);
        const recorded = await handler.record?.(trx, outcome.receipt, { job: jobInHand(job), payload });
        const result = handler.record === undefined ? outcome.receipt : recorded;
        await complete(trx, [{ id: job.id, send: row.send, result, startedAt }]);
        crashPoint("consumer.settling");
        return "settled";
      }
      case "failed":
      case "dead":
      case "held":
      case "cancelled": {
        // Whoever asks for a job's end while it runs writes it under this row's lock.
        const end = row.cancel_requested ? whenCalledOff(run, outcome) : outcome;
        await noteIntent(trx, intent, outcome.kind === "cancelled" ? "refused" : outcome.intent);
        if (end.kind === "cancelled") await cancel(trx, [job.id], end.reason);
        else
          await settleFailure(trx, { row, handler, payload, tellDomain, onTable: context.link.isAway }, end);
        crashPoint("consumer.settling");
        return "settled";
      }
      case "interrupted":
        return "fenced";
    }
  });
}

/** A job whose run has just failed; its row is locked. */
export interface FailedJob {
  readonly row: JobRow;
  readonly handler: Handler;
  readonly payload: unknown;
  readonly tellDomain: boolean;
  /** Whether its backoff is waited out in PostgreSQL whatever its length: RabbitMQ is away. */
  readonly onTable: boolean;
}

/** Makes of a failure what it says: another attempt, a dead letter or a hold. */
export async function settleFailure(
  trx: SettlingTransaction,
  job: FailedJob,
  failure: Failure,
): Promise<void> {
  switch (failure.kind) {
    case "failed":
      return countAttempt(trx, job, failure.error, failure.retryAfterMs);
    case "dead":
      return giveUp(trx, job, failure.reason, failure.error);
    case "held": {
      const { waitsFor, error } = failure;
      const delayMs = failure.delayMs ?? growingDelay(job.row.holds + 1, 1_000, 60_000);
      return hold(trx, { id: job.row.id, waitsFor, delayMs, error: noteError(error) });
    }
  }
}

// Again after the backoff, or a dead letter after the last one.
async function countAttempt(
  trx: SettlingTransaction,
  job: FailedJob,
  error: Error,
  retryAfterMs: number | undefined,
): Promise<void> {
  const { row, handler, onTable } = job;
  const attempts = row.attempt + 1;
  if (attempts >= row.max_attempts) return giveUp(trx, job, "attempts_exhausted", error);
  const { backoff } = handler.definition;
  const delayMs = retryAfterMs ?? backoff[Math.min(attempts, backoff.length) - 1] ?? 0;
  // A wait queue exists only for the delays that the definitions name.
  const onLadder = !onTable && backoff.includes(delayMs) && LADDER_MS.some((rung) => rung === delayMs);
  await retry(trx, { id: row.id, delayMs, onLadder, error: noteError(error) });
}

// The domain is told that the job is given up in the transaction that makes its letter.
async function giveUp(
  trx: SettlingTransaction,
  { row, handler, payload, tellDomain }: FailedJob,
  reason: LetterReason,
  error: Error,
): Promise<void> {
  await freeUniqueKeys(trx, [row]);
  if (tellDomain) await handler.recordFailure?.(trx, error, { job: jobInHand(row), payload });
  await writeLetters(trx, [{ id: row.id, attempts: row.attempt + 1 }], reason, noteError(error));
}
