import { isDatabaseFault } from "../database/database-fault.ts";
import { classifyError, type ErrorClass } from "../errors/classify-error.ts";
import type { IntentOutcome } from "../jobs/take-job.ts";
import { askProvider } from "./ask-provider.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { failureOfError } from "./failure-of-error.ts";
import { doubtful, type Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";

/** Turns what a handler threw into the outcome of its run; asks the provider where the error leaves a doubt. */
export async function outcomeOfError(error: Error, run: Run, context: ConsumerContext): Promise<Outcome> {
  if (isDatabaseFault(error)) {
    const waitsFor = "unreachable: PostgreSQL";
    return { kind: "held", error, intent: "unknown", waitsFor, delayMs: undefined };
  }
  const found = classifyError(error);
  if (found.kind === "unknown_outcome") return inDoubt(error, run, context);
  if (found.kind === "retryable" && found.effect === "unknown" && run.handler.effects === "atMostOnce") {
    return doubtful(run.job.id, error);
  }
  return { ...failureOfError(error, found), intent: intentAfter(found, run) };
}

function intentAfter(found: Exclude<ErrorClass, { kind: "unknown_outcome" }>, run: Run): IntentOutcome {
  switch (found.kind) {
    case "permanent":
      return refused(run);
    case "unreachable":
    case "rate_limited":
      return unsent(run);
    case "retryable":
      return found.effect === "none" ? refused(run) : "answered";
  }
}

// The request left and nobody answered. It counts as an attempt once the provider says that it had no effect, or at
// once where nobody can be asked.
async function inDoubt(error: Error, run: Run, context: ConsumerContext): Promise<Outcome> {
  if (run.handler.ask !== undefined) {
    const answer = await askProvider(run, context);
    if (answer === "none" || answer === "closed") {
      const intent = answer === "closed" ? "refused" : "unknown";
      return { kind: "failed", error, intent, retryAfterMs: undefined };
    }
    return answer.kind === "held" ? { ...answer, intent: "doubtful" } : answer;
  }
  if (run.handler.effects === "atMostOnce") return doubtful(run.job.id, error);
  return { kind: "failed", error, intent: "unknown", retryAfterMs: undefined };
}

// What a later call says of itself says nothing of an earlier one that is still in doubt, unless both had the same key.
function refused(run: Run): IntentOutcome {
  return run.inDoubt && run.handler.effects !== "keyed" ? "unknown" : "refused";
}

/** What is known of an intent whose call was not made. */
export function unsent(run: Run): IntentOutcome {
  return run.inDoubt ? (run.job.intent_before ?? "unknown") : "unsent";
}
