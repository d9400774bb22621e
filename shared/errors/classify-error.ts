import {
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "./errors.ts";

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

// System errors (Node's errors.md, "Common system errors"; getaddrinfo's EAI_*) that come before a request can leave.
const NEVER_LEFT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
]);

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

// fetch and most clients wrap the socket's error; several addresses tried give an AggregateError of them.
function unreachableAddress(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 5) return undefined;
  const { code, address, port, hostname } = error as Error &
    Record<"code" | "address" | "port" | "hostname", unknown>;
  if (typeof code === "string" && NEVER_LEFT.has(code))
    return [hostname ?? address ?? code, port].filter(Boolean).join(":");
  if (error instanceof AggregateError) {
    const addresses = error.errors.map((inner: unknown) => unreachableAddress(inner, depth + 1));
    if (addresses.length > 0 && addresses.every((found) => found !== undefined)) return addresses[0];
  }
  return unreachableAddress(error.cause, depth + 1);
}
