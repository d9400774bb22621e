import { Stripe } from "stripe";
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

/** What was under way: a request that takes no money, or one that can. */
export type Errand = "asking" | "charging";

const DEPENDENCY = "cards";
/** Hold when the processor asks for patience and does not say how long. */
const PATIENCE_MS = 2_000;

/**
 * Turns what the processor's client throws into one of Duly's errors; declines (402) are judged by the gateway.
 *
 * | what happened | charging | asking | source |
 * |---|---|---|---|
 * | 429, a locked object | rate-limited for Retry-After, else 2 s | the same | Stripe, "Rate limits", `lock_timeout` |
 * | 409, its key is in use | rate-limited, 2 s | the same | Stripe, "Idempotent requests" |
 * | 401, 403 | unreachable: nothing was asked, and mending the login helps | the same | RFC 9110 §15.5.2, .4 |
 * | 500 and others | retryable; asked about, then a new key: the answer is saved | retryable, nothing done | Stripe, "Advanced error handling" |
 * | 502, 503, 504 | unknown: a gateway answered | unreachable | RFC 9110 §15.6.3-5 |
 * | a key with other parameters | retryable; asked about, then a new key | permanent | Stripe, "Idempotent requests" |
 * | any other 4xx | permanent | permanent | Stripe, "Errors" |
 * | refused, DNS, no route, TLS | unreachable | unreachable | Node.js `errors`, undici `Errors` |
 * | timeout, reset, half an answer | unknown | unreachable | – |
 */
export function cardError(error: unknown, errand: Errand): DulyError {
  if (error instanceof DulyError) return error;
  if (error instanceof Stripe.errors.StripeConnectionError) return noAnswer(error.detail, errand);
  return error instanceof Stripe.errors.StripeError ? answered(error, errand) : noAnswer(error, errand);
}

function answered(error: Stripe.errors.StripeError, errand: Errand): DulyError {
  const status = error.statusCode ?? 0;
  const told = `the card processor answered ${status}: ${error.message} (request ${error.requestId ?? "unknown"})`;
  if (error instanceof Stripe.errors.StripeRateLimitError || status === 409) return patience(error, told);
  if (status === 401 || status === 403) return new UnreachableError(DEPENDENCY, told, { cause: error });
  if (status >= 502 && status <= 504) return doubt(told, error, errand);
  if (status >= 400 && status < 500 && !(error instanceof Stripe.errors.StripeIdempotencyError)) {
    return new PermanentError(`card_${error.code ?? status}`, told, { cause: error });
  }
  const effect = errand === "asking" ? "none" : "unknown";
  return new RetryableError(`card_${status}`, told, { effect, cause: error });
}

function patience(error: Stripe.errors.StripeError, told: string): DulyError {
  const header = error.headers?.["retry-after"] ?? null;
  return new RateLimitedError(DEPENDENCY, told, {
    retryAfterMs: retryAfterMs(header, Date.now()) ?? PATIENCE_MS,
    cause: error,
  });
}

function noAnswer(cause: unknown, errand: Errand): DulyError {
  const code = neverConnected(cause)?.code;
  if (code !== undefined) {
    return new UnreachableError(DEPENDENCY, `the card processor cannot be reached (${code})`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return doubt(`the card processor gave no whole answer: ${reason}`, cause, errand);
}

function doubt(told: string, cause: unknown, errand: Errand): DulyError {
  if (errand === "asking") return new UnreachableError(DEPENDENCY, told, { cause });
  return new UnknownOutcomeError(told, { cause });
}
