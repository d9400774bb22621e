import { asError } from "../errors/as-error.ts";
import { UnknownOutcomeError } from "../errors/errors.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Answer } from "./handle.ts";
import { jobInHand } from "./job-in-hand.ts";
import { doubtful, type Outcome } from "./outcome.ts";
import type { Run } from "./run.ts";
import { runWithin } from "./run-within.ts";

/** A question is quick; with it a delivery still fits the time that RabbitMQ leaves it unacked. */
const LONGEST_QUESTION_MS = 60_000;

/**
 * Asks the provider whether the intent had its effect.
 *
 * @returns "none" or "closed" when it had not (see Answer); otherwise the outcome of the run: applied, in doubt for good, or
 *   held until the provider can tell. An error while asking is no answer and holds the job too.
 */
export async function askProvider(run: Run, context: ConsumerContext): Promise<Outcome | "none" | "closed"> {
  const { job, handler, payload, intentNumber } = run;
  const intent = { key: `${job.id}.${intentNumber}`, number: intentNumber };
  try {
    const answer = await context.gates.breakers.watch(handler.uses ?? [], () =>
      runWithin(
        Math.min(job.timeout_ms, LONGEST_QUESTION_MS),
        context.hurry,
        async (signal): Promise<Answer<unknown>> =>
          handler.ask === undefined
            ? { effect: "unknown" }
            : handler.ask({ job: jobInHand(job), payload, intent, signal, db: context.db }),
      ),
    );
    if (answer.effect === "none") {
      if (answer.closed === true) return "closed";
      // Its call may be on its way still, and has no key that would keep it from a second effect.
      return handler.effects === "atMostOnce" ? doubtful(job.id) : "none";
    }
    if (answer.effect === "applied") return { kind: "applied", receipt: answer.receipt };
    return stillInDoubt(
      run,
      new UnknownOutcomeError(`the provider cannot tell yet what became of ${intent.key}`),
    );
  } catch (thrown) {
    if (context.hurry.aborted) return { kind: "interrupted", begun: true };
    return stillInDoubt(run, asError(thrown));
  }
}

function stillInDoubt({ job }: Run, error: Error): Outcome {
  return {
    kind: "held",
    error,
    intent: job.intent_before ?? "unknown",
    waitsFor: "an answer about an earlier try",
    delayMs: undefined,
  };
}
