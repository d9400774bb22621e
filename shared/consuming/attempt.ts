import { crashPoint } from "../config/crash-point.ts";
import { asError } from "../errors/as-error.ts";
import { UnknownOutcomeError } from "../errors/errors.ts";
import { nextIntent } from "../jobs/intents.ts";
import { readReceipt } from "../jobs/receipt.ts";
import { storeProgress } from "../jobs/store-progress.ts";
import { askProvider } from "./ask-provider.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { jobInHand } from "./job-in-hand.ts";
import { doubtful, type Outcome } from "./outcome.ts";
import { outcomeOfError, unsent } from "./outcome-of-error.ts";
import { ProgressKeeper } from "./progress-keeper.ts";
import type { Run } from "./run.ts";
import { CalledOffError, runWithin } from "./run-within.ts";

/** How a run ended, and under which intent. */
export interface Ended {
  readonly run: Run;
  readonly outcome: Outcome;
}

/**
 * For so long a provider is trusted to know a key, when nobody can be asked: Stripe may forget one after 24 h (API
 * reference, "Idempotent requests"), and a second request would be a second effect then.
 */
const LONGEST_TRUST_MS = 12 * 3_600_000;
const ON_REQUEST = "cancelled on request";

/**
 * Runs a handler once, outside any transaction; never throws for anything that the handler did.
 *
 * In doubt about an earlier run it asks before it tries again. Stops waiting for a handler that does not heed its
 * signal: the claim keeps what such a one does later from being recorded.
 */
export async function attempt(run: Run, context: ConsumerContext): Promise<Ended> {
  const { job, handler, inDoubt } = run;
  if (job.intent_before === "applied" && job.receipt !== null) {
    return { run, outcome: { kind: "applied", receipt: readReceipt(job.receipt) } };
  }
  if (inDoubt && handler.ask !== undefined) return afterAsking(run, context);
  if (inDoubt && (isOver(run) || handler.effects === "atMostOnce")) return { run, outcome: doubtful(job.id) };
  if (inDoubt && handler.effects === "keyed" && job.intent_age_ms > LONGEST_TRUST_MS)
    return { run, outcome: doubtful(job.id) };
  if (isOver(run)) return { run, outcome: cancelled(run) };
  return { run, outcome: await perform(run, context) };
}

async function afterAsking(run: Run, context: ConsumerContext): Promise<Ended> {
  const { job } = run;
  const answer = await askProvider(run, context);
  crashPoint("consumer.asked");
  if (answer !== "none" && answer !== "closed") return { run, outcome: answer };
  if (isOver(run)) return { run, outcome: cancelled(run) };
  if (job.intent_before === "doubtful") {
    // That run came to its end and was not counted, because nobody could tell; now it is known to have failed.
    const error = new UnknownOutcomeError("an earlier attempt ended without an answer and had no effect");
    const intent = answer === "closed" ? "refused" : "unknown";
    return { run, outcome: { kind: "failed", error, intent, retryAfterMs: undefined } };
  }
  // A new key only when nothing can be on its way under the old one: the provider closed it, or had answered.
  if (answer === "none" && job.intent_before !== "answered")
    return { run, outcome: await perform(run, context) };
  const intentNumber = await nextIntent(context.db, job, run.intentNumber);
  if (intentNumber === undefined) return { run, outcome: { kind: "interrupted", begun: true } };
  const next = { ...run, intentNumber, inDoubt: false };
  return { run: next, outcome: await perform(next, context) };
}

async function perform(run: Run, context: ConsumerContext): Promise<Outcome> {
  if (context.hurry.aborted) return { kind: "interrupted", begun: false };
  const { job, handler, payload, intentNumber } = run;
  const calledOff = context.hand.calledOff(job.id);
  if (calledOff.aborted) return calledOffBefore(run);
  const progress = new ProgressKeeper((value) => storeProgress(context.db, job, value), context.log);
  const intent = { key: `${job.id}.${intentNumber}`, number: intentNumber };
  try {
    crashPoint("consumer.performing");
    const receipt = await context.gates.breakers.watch(handler.uses ?? [], () =>
      runWithin(
        job.timeout_ms,
        context.hurry,
        (signal) =>
          handler.perform({
            job: jobInHand(job),
            payload,
            intent,
            signal,
            db: context.db,
            progress: progress.note,
          }),
        calledOff,
      ),
    );
    crashPoint("consumer.performed");
    return { kind: "applied", receipt };
  } catch (thrown) {
    if (context.hurry.aborted) return { kind: "interrupted", begun: true };
    return await outcomeOfError(asError(thrown), run, context);
  } finally {
    await progress.close();
  }
}

// Somebody cancelled it while it waited for its due time: nothing has left under this claim.
function calledOffBefore(run: Run): Outcome {
  if (!run.inDoubt) return { kind: "cancelled", reason: ON_REQUEST };
  const error = new CalledOffError("called off before it ran");
  return {
    kind: "held",
    error,
    intent: unsent(run),
    waitsFor: "an answer about an earlier try",
    delayMs: undefined,
  };
}

function isOver({ job }: Run): boolean {
  return job.expired || job.cancel_requested;
}

function cancelled({ job }: Run): Outcome {
  return {
    kind: "cancelled",
    reason: job.cancel_requested ? ON_REQUEST : "expired before it could run",
  };
}
