import { BaseError, HttpRequestError, LimitExceededRpcError, TimeoutError } from "viem";
import {
  DulyError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";

/** What was under way: a question, which changes nothing, or bytes that can move money once they have arrived. */
export type Errand = "asking" | "offering";

const DEPENDENCY = "chain";

/** Node's codes for a connection that never came about: nothing was handed over. */
const NEVER_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * Turns what viem throws into one of Duly's errors, whose words never hold bytes of the chain's.
 *
 * A question that got no answer is the same as a chain that cannot be reached; an offer that got none may have been
 * taken.
 */
export function classifyChainError(error: unknown, errand: Errand): DulyError {
  if (error instanceof DulyError) return error;
  if (isTooManyRequests(error)) {
    return new RateLimitedError(DEPENDENCY, "the chain's node asks for patience", {
      retryAfterMs: 5_000,
      cause: error,
    });
  }
  if (neverConnected(error)) {
    return new UnreachableError(DEPENDENCY, "the chain's node cannot be reached", { cause: error });
  }
  if (errand === "offering") {
    return new UnknownOutcomeError(
      `the chain's node did not say what became of a transfer: ${wordsOf(error)}`,
      {
        cause: error,
      },
    );
  }
  if (isTransportFailure(error)) {
    return new UnreachableError(DEPENDENCY, `the chain's node did not answer: ${wordsOf(error)}`, {
      cause: error,
    });
  }
  return new RetryableError("chain_error", `the chain's node answered with an error: ${wordsOf(error)}`, {
    cause: error,
    effect: "none",
  });
}

/** The innermost words of an error, on one line and without the control characters that reverts bring along. */
export function wordsOf(error: unknown): string {
  const words = error instanceof BaseError ? error.details || error.shortMessage : String(error);
  return words
    .replaceAll(/[\p{Cc}\p{Cs}\p{Co}\p{Cn}]+/gu, " ")
    .trim()
    .slice(0, 300);
}

function isTooManyRequests(error: unknown): boolean {
  // HTTP 429, or "limit exceeded" of EIP-1474.
  return (
    walk(error, (cause) => cause instanceof HttpRequestError)?.status === 429 ||
    walk(error, (cause) => cause instanceof LimitExceededRpcError) !== undefined
  );
}

function isTransportFailure(error: unknown): boolean {
  return (
    walk(error, (cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError) !== undefined
  );
}

function neverConnected(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const inner = cause instanceof AggregateError ? cause.errors : [cause];
    if (inner.some((each: unknown) => NEVER_CONNECTED.has(codeOf(each)))) return true;
  }
  return false;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function walk<Found extends Error>(
  error: unknown,
  is: (cause: unknown) => cause is Found,
): Found | undefined {
  const found: unknown = error instanceof BaseError ? error.walk(is) : undefined;
  return is(found) ? found : undefined;
}
