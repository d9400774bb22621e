import { BaseError, HttpRequestError, RpcError, RpcRequestError, TimeoutError } from "viem";
import { neverConnected } from "#shared/errors/never-connected.ts";
import {
  DulyError,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";
import { retryAfterMs } from "#shared/time/retry-after.ts";
import { readRpcError } from "./rpc-errors.ts";

/** What was under way: a question, which changes nothing, or bytes that can move money once they have arrived. */
export type Errand = "asking" | "offering";

const DEPENDENCY = "chain";
/** Hold when the node asks for patience and does not say how long. */
const PATIENCE_MS = 5_000;

/**
 * Turns what viem throws into one of Duly's errors, whose words never hold bytes of the chain's.
 *
 * A question that got no answer is the same as a chain that cannot be reached; an offer that got none may have been
 * taken.
 */
export function classifyChainError(error: unknown, errand: Errand): DulyError {
  if (error instanceof DulyError) return error;
  const answer = rpcCodeOf(error);
  const meaning = answer === undefined ? undefined : readRpcError(answer);
  if (statusOf(error)?.status === 429 || meaning === "rate_limited") return patience(error);
  if (neverConnected(error) !== undefined) {
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
  if (isTransportFailure(error) || meaning === "unreachable") {
    return new UnreachableError(DEPENDENCY, `the chain's node did not answer: ${wordsOf(error)}`, {
      cause: error,
    });
  }
  if (meaning === "permanent") {
    return new PermanentError(`chain_${answer}`, `the chain's node refuses the question: ${wordsOf(error)}`, {
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

function patience(error: unknown): DulyError {
  const header = statusOf(error)?.headers?.get("retry-after") ?? null;
  return new RateLimitedError(DEPENDENCY, "the chain's node asks for patience", {
    retryAfterMs: retryAfterMs(header, Date.now()) ?? PATIENCE_MS,
    cause: error,
  });
}

function statusOf(error: unknown): HttpRequestError | RpcRequestError | undefined {
  return walk(
    error,
    (cause): cause is HttpRequestError | RpcRequestError =>
      cause instanceof HttpRequestError || cause instanceof RpcRequestError,
  );
}

function rpcCodeOf(error: unknown): number | undefined {
  return walk(
    error,
    (cause): cause is RpcError | RpcRequestError =>
      cause instanceof RpcError || cause instanceof RpcRequestError,
  )?.code;
}

function isTransportFailure(error: unknown): boolean {
  return (
    walk(error, (cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError) !== undefined
  );
}

function walk<Found extends Error>(
  error: unknown,
  is: (cause: unknown) => cause is Found,
): Found | undefined {
  const found: unknown = error instanceof BaseError ? error.walk(is) : undefined;
  return is(found) ? found : undefined;
}
