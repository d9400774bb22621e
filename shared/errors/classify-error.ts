import {
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "./errors.ts";
import { neverConnected } from "./never-connected.ts";

/**
 * What an error of a handler means for its job; anything unknown is retryable.
 *
 * The only place that maps errors; `settle` is the only one that acts on what it says.
 */
export type ErrorClass =
  | { readonly kind: "permanent" }
  | { readonly kind: "unreachable"; readonly dependency: string }
  | { readonly kind: "rate_limited"; readonly dependency: string; readonly retryAfterMs: number }
  | { readonly kind: "unknown_outcome" }
  | {
      readonly kind: "retryable";
      readonly retryAfterMs: number | undefined;
      readonly effect: "none" | "unknown";
    };

/** Classifies whatever a handler threw. */
export function classifyError(error: unknown): ErrorClass {
  if (error instanceof PermanentError) return { kind: "permanent" };
  if (error instanceof UnreachableError) return { kind: "unreachable", dependency: error.dependency };
  if (error instanceof RateLimitedError) {
    return {
      kind: "rate_limited",
      dependency: error.dependency,
      retryAfterMs: sensible(error.retryAfterMs) ?? 1_000,
    };
  }
  if (error instanceof UnknownOutcomeError) return { kind: "unknown_outcome" };
  if (error instanceof RetryableError) {
    return { kind: "retryable", retryAfterMs: sensible(error.retryAfterMs), effect: error.effect };
  }
  const address = unreachableAddress(error);
  if (address !== undefined) return { kind: "unreachable", dependency: address };
  return { kind: "retryable", retryAfterMs: undefined, effect: "unknown" };
}

const LONGEST_WAIT_MS = 7 * 24 * 3_600_000;

// What a provider asks for is obeyed within reason: a wait that is no number is none, and nothing waits over a week.
function sensible(retryAfterMs: number | undefined): number | undefined {
  if (retryAfterMs === undefined || Number.isNaN(retryAfterMs)) return undefined;
  return Math.min(LONGEST_WAIT_MS, Math.max(0, Math.round(retryAfterMs)));
}

// Where it was that nothing answered, for people.
function unreachableAddress(error: unknown): string | undefined {
  const found: (Error & Partial<Record<"code" | "address" | "port" | "hostname", unknown>>) | undefined =
    neverConnected(error);
  if (found === undefined) return undefined;
  return [found.hostname ?? found.address ?? found.code, found.port].filter(Boolean).join(":");
}
