import type { IntentOutcome } from "../jobs/take-job.ts";
import type { LetterReason } from "../jobs/write-letter.ts";

/** How one run of a performing handler ended; `settle` alone turns it into moves of the job. */
export type Outcome =
  /** The effect is there; what it returned is to be recorded. */
  | { readonly kind: "applied"; readonly receipt: unknown }
  /** The attempt counts; the job is tried again, or dead-letters when it was the last one. */
  | {
      readonly kind: "failed";
      readonly error: Error;
      readonly intent: IntentOutcome;
      readonly retryAfterMs: number | undefined;
    }
  /** No further attempt can help. */
  | {
      readonly kind: "dead";
      readonly error: Error;
      readonly intent: IntentOutcome;
      readonly reason: LetterReason;
    }
  /** Nothing counts; the job waits for something. */
  | {
      readonly kind: "held";
      readonly error: Error;
      readonly intent: IntentOutcome;
      readonly waitsFor: string;
      readonly delayMs: number | undefined;
    }
  /** It expired or was called off, and certainly had no effect. */
  | { readonly kind: "cancelled"; readonly reason: string }
  /** This process stops; the job is another's. */
  | { readonly kind: "interrupted" };
