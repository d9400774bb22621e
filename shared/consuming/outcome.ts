import { DulyError } from "../errors/errors.ts";
import type { IntentOutcome } from "../jobs/take-job.ts";
import type { LetterReason } from "../jobs/write-letter.ts";

/** What becomes of a job whose run did not come to its end. */
export type Failure =
  /** The attempt counts; the job is tried again, or dead-letters when it was the last one. */
  | { readonly kind: "failed"; readonly error: Error; readonly retryAfterMs: number | undefined }
  /** No further attempt can help. */
  | { readonly kind: "dead"; readonly error: Error; readonly reason: LetterReason }
  /** Nothing counts; the job waits for something. */
  | {
      readonly kind: "held";
      readonly error: Error;
      readonly waitsFor: string;
      readonly delayMs: number | undefined;
    };

/** How one run of a performing handler ended; `settle` alone turns it into moves of the job. */
export type Outcome =
  /** The effect is there; what it returned is to be recorded. */
  | { readonly kind: "applied"; readonly receipt: unknown }
  /** It failed, and this is what is known of its effect. */
  | (Failure & { readonly intent: IntentOutcome })
  /** It expired or was called off, and certainly had no effect. */
  | { readonly kind: "cancelled"; readonly reason: string }
  /** This process stops; the job is another's. What had not begun can have had no effect. */
  | { readonly kind: "interrupted"; readonly begun: boolean };

/** An earlier run may have had its effect, nobody can tell, and it may not or need not be tried again. */
class OutcomeInDoubtError extends DulyError {}

/** Leaves a job to people that may or may not have had its effect. */
export function doubtful(jobId: string, cause?: Error): Failure & { readonly intent: IntentOutcome } {
  const message = `job ${jobId} may or may not have had its effect, and nobody can tell`;
  const error = new OutcomeInDoubtError("outcome_in_doubt", message, { cause });
  return { kind: "dead", error, intent: "unknown", reason: "outcome_in_doubt" };
}
