import { doubtful, type Failure, type Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";

type Cancelled = Extract<Outcome, { kind: "cancelled" }>;

/**
 * What becomes of a run without a result whose job is to be cancelled: it ends when there certainly was no effect; else
 * the provider is asked after a while, when what was on its way must have arrived; else it is left to people.
 */
export function whenCalledOff(
  run: Run,
  outcome: Exclude<Outcome, { kind: "applied" | "interrupted" }>,
): Cancelled | Failure {
  if (outcome.kind === "cancelled" || outcome.intent === "applied") return outcome;
  const { error, intent } = outcome;
  if (intent === "refused" || intent === "unsent")
    return { kind: "cancelled", reason: "cancelled on request" };
  // A hold costs no attempt and a letter does; the next delivery of a held one makes it.
  if (run.handler.ask === undefined) return outcome.kind === "failed" ? doubtful(run.job.id, error) : outcome;
  return {
    kind: "held",
    error,
    waitsFor: "an answer about an earlier try",
    delayMs: undefined,
  };
}
