import { isDatabaseFault } from "../database/database-fault.ts";
import { classifyError } from "../errors/classify-error.ts";
import { noteIntent } from "../jobs/intents.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";
import { type Settlement, settle } from "./settle.ts";
import { untilDatabaseAnswers } from "./until-database-answers.ts";

/**
 * Settles a run, and when the handler's own writing of it throws, settles that error.
 *
 * An effect that was made but could not be recorded is kept with its receipt, so that the next attempt only records it.
 */
export async function settleRun(
  run: Run,
  outcome: Outcome,
  startedAt: Date,
  context: ConsumerContext,
): Promise<Settlement> {
  const attemptSettling = (now: Outcome) =>
    untilDatabaseAnswers(() => settle(run, now, startedAt, context), context.hurry, context.log);
  try {
    return await attemptSettling(outcome);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    if (error.name === "Interrupted" || isDatabaseFault(error)) throw error;
    context.log.error(
      { err: error, job: run.job.id, type: run.job.type },
      "a handler could not record its outcome",
    );
    if (outcome.kind === "applied") await keepReceipt(run, outcome.receipt, context);
    return attemptSettling(afterRecordError(outcome, error));
  }
}

function afterRecordError(outcome: Outcome, error: Error): Outcome {
  const intent = outcome.kind === "applied" ? "applied" : "intent" in outcome ? outcome.intent : "unknown";
  const permanent = classifyError(error).kind === "permanent" || outcome.kind !== "applied";
  return permanent
    ? { kind: "dead", error, intent, reason: "permanent_error" }
    : { kind: "failed", error, intent, retryAfterMs: undefined };
}

async function keepReceipt(run: Run, receipt: unknown, context: ConsumerContext): Promise<void> {
  const { db, hurry, log } = context;
  const intent = { jobId: run.job.id, number: run.intentNumber };
  await untilDatabaseAnswers(() => noteIntent(db, intent, "applied", jsonOf(receipt)), hurry, log);
}

// A receipt that is no JSON (a bigint, a cycle) cannot be kept: the provider is asked again instead.
function jsonOf(receipt: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(receipt)) as unknown;
  } catch {
    return undefined;
  }
}
