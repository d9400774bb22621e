import type { ErrorClass } from "../errors/classify-error.ts";
import type { Failure } from "./outcome.ts";

/**
 * What an error of a handler means for its job, as its class says; the only place that says so.
 *
 * A doubt about an outside effect is not its concern: where there is none, an unknown outcome is a failed attempt.
 */
export function failureOfError(error: Error, found: ErrorClass): Failure {
  switch (found.kind) {
    case "permanent":
      return { kind: "dead", error, reason: "permanent_error" };
    case "unreachable":
      return { kind: "held", error, waitsFor: `unreachable: ${found.dependency}`, delayMs: undefined };
    case "rate_limited":
      return {
        kind: "held",
        error,
        waitsFor: `rate limit: ${found.dependency}`,
        delayMs: found.retryAfterMs,
      };
    case "unknown_outcome":
      return { kind: "failed", error, retryAfterMs: undefined };
    case "retryable":
      return { kind: "failed", error, retryAfterMs: found.retryAfterMs };
  }
}
