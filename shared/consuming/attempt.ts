import { classifyError } from "../errors/classify-error.ts";
import { DulyError } from "../errors/errors.ts";
import { nextIntent } from "../jobs/intents.ts";
import { storeProgress } from "../jobs/store-progress.ts";
import type { TakenJob } from "../jobs/take-job.ts";
import { askProvider } from "./ask-provider.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { jobInHand } from "./job-in-hand.ts";
import type { Outcome } from "./outcome.ts";
import { ProgressKeeper } from "./progress-keeper.ts";
import type { Run } from "./run.ts";
import { runWithin } from "./run-within.ts";

/**
 * Runs a handler once, outside any transaction; never throws for anything that the handler did.
 *
 * In doubt about an earlier run it asks before it tries again. Stops waiting for a handler that does not heed its
 * signal: the claim keeps what such a one does later from being recorded.
 */
export async function attempt(run: Run, context: ConsumerContext): Promise<Outcome> {
  const { job, handler } = run;
  if (job.intent_before === "applied" && job.receipt !== null)
    return { kind: "applied", receipt: job.receipt };
  const inDoubt = job.intent_before === "unknown" || job.intent_before === "applied";
  if (inDoubt && handler.ask !== undefined) {
    const answer = await askProvider(run, context);
    if (answer !== "none") return answer;
    if (isOver(job)) return cancelled(job);
    const intentNumber = await nextIntent(context.db, { jobId: job.id, number: run.intentNumber });
    return perform({ ...run, intentNumber }, context);
  }
  if (isOver(job)) return cancelled(job);
  if (inDoubt && handler.effects === "atMostOnce") return doubtful(job);
  return perform(run, context);
}

async function perform(run: Run, context: ConsumerContext): Promise<Outcome> {
  const { job, handler, payload, intentNumber } = run;
  const progress = new ProgressKeeper((value) => storeProgress(context.db, job, value), context.log);
  const intent = { key: `${job.id}.${intentNumber}`, number: intentNumber };
  try {
    const receipt = await runWithin(job.timeout_ms, context.hurry, (signal) =>
      handler.perform({ job: jobInHand(job), payload, intent, signal, progress: progress.note }),
    );
    return { kind: "applied", receipt };
  } catch (thrown) {
    if (context.hurry.aborted) return { kind: "interrupted" };
    return await fromError(thrown instanceof Error ? thrown : new Error(String(thrown)), run, context);
  } finally {
    await progress.close();
  }
}

async function fromError(error: Error, run: Run, context: ConsumerContext): Promise<Outcome> {
  const found = classifyError(error);
  switch (found.kind) {
    case "permanent":
      return { kind: "dead", error, intent: "refused", reason: "permanent_error" };
    case "unreachable":
      return {
        kind: "held",
        error,
        intent: "unsent",
        waitsFor: `unreachable: ${found.dependency}`,
        delayMs: undefined,
      };
    case "rate_limited":
      return {
        kind: "held",
        error,
        intent: "unsent",
        waitsFor: `rate limit: ${found.dependency}`,
        delayMs: found.retryAfterMs,
      };
    case "unknown_outcome":
      return fromDoubt(error, run, context);
    case "retryable":
      if (found.effect === "unknown" && run.handler.effects === "atMostOnce") return doubtful(run.job, error);
      return {
        kind: "failed",
        error,
        intent: found.effect === "none" ? "refused" : "unknown",
        retryAfterMs: found.retryAfterMs,
      };
  }
}

// The request left and nobody answered. It counts as an attempt once the provider says that it had no effect, or at
// once where nobody can be asked.
async function fromDoubt(error: Error, run: Run, context: ConsumerContext): Promise<Outcome> {
  if (run.handler.ask !== undefined) {
    const answer = await askProvider(run, context);
    return answer === "none" ? { kind: "failed", error, intent: "refused", retryAfterMs: undefined } : answer;
  }
  if (run.handler.effects === "atMostOnce") return doubtful(run.job, error);
  return { kind: "failed", error, intent: "unknown", retryAfterMs: undefined };
}

function isOver(job: TakenJob): boolean {
  return job.expired || job.cancel_requested;
}

function cancelled(job: TakenJob): Outcome {
  return {
    kind: "cancelled",
    reason: job.cancel_requested ? "cancelled on request" : "expired before it could run",
  };
}

function doubtful(job: TakenJob, cause?: Error): Outcome {
  const error = new OutcomeInDoubtError(
    "outcome_in_doubt",
    `job ${job.id} may or may not have had its effect`,
    { cause },
  );
  return { kind: "dead", error, intent: "unknown", reason: "outcome_in_doubt" };
}

/** An earlier run may have had its effect, nobody can be asked, and the handler forbids a second one. */
class OutcomeInDoubtError extends DulyError {}
