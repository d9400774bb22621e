import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { asError } from "../errors/as-error.ts";
import { classifyError } from "../errors/classify-error.ts";
import { noteIntent } from "../jobs/intents.ts";
import { packReceipt } from "../jobs/receipt.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";
import { type Settlement, settle } from "./settle.ts";

/**
 * Settles a run, and when the handler's own writing of it throws, settles that error.
 *
 * An effect that was made but could not be recorded is kept with its receipt, so that the next attempt only records it.
 * A `recordFailure` that throws cannot keep its job from ending: the letter is made without it.
 */
export async function settleRun(
  run: Run,
  outcome: Outcome,
  startedAt: Date,
  context: ConsumerContext,
): Promise<Settlement> {
  const settleAs: SettleAs = (end, tellDomain) =>
    untilDatabaseAnswers(
      () => settle(run, end, { startedAt, tellDomain }, context),
      context.hurry,
      context.log,
    );
  try {
    return await settleAs(outcome, true);
  } catch (thrown) {
    if (thrown instanceof Interrupted) throw thrown;
    const { id, type } = run.job;
    context.log.error({ err: thrown, job: id, type }, "a handler could not record its outcome");
    if (outcome.kind !== "applied") return settleAs(outcome, false);
    await keepReceipt(run, outcome.receipt, context);
    return settleUnrecorded(asError(thrown), settleAs);
  }
}

type SettleAs = (outcome: Outcome, tellDomain: boolean) => Promise<Settlement>;

// The recording counts as a failed attempt of its own; its intent stays applied. The domain is not told of a failure,
// for what it asked for has happened: a letter leaves the rest to people.
async function settleUnrecorded(error: Error, settleAs: SettleAs): Promise<Settlement> {
  const permanent = classifyError(error).kind === "permanent";
  return settleAs(
    permanent
      ? { kind: "dead", error, intent: "applied", reason: "permanent_error" }
      : { kind: "failed", error, intent: "applied", retryAfterMs: undefined },
    false,
  );
}

async function keepReceipt(run: Run, receipt: unknown, context: ConsumerContext): Promise<void> {
  const { db, hurry, log } = context;
  const intent = { jobId: run.job.id, number: run.intentNumber };
  await untilDatabaseAnswers(() => noteIntent(db, intent, "applied", packReceipt(receipt)), hurry, log);
}
