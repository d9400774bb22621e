import { z } from "zod";
import { neverConnected } from "#shared/errors/never-connected.ts";
import {
  type DulyError,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";

/** How a request to the chat API can fail: with an answer that is no success, or with no whole answer at all. */
export type ChatFailure =
  | { readonly status: number; readonly body: string; readonly retryAfterMs: number | undefined }
  | { readonly broken: unknown };

/** Hold when the API asks for patience and does not say how long. */
const PATIENCE_MS = 5_000;

/** Codes of too many requests, which the API may also send with status 400. */
const RATE_LIMIT_CODES = new Set([4, 80007, 130429, 131056]);

/**
 * Tells what a failed request means.
 *
 * | what happened | meaning | source |
 * |---|---|---|
 * | 429, or a rate limit's code | rate-limited for Retry-After, else 5 s | RFC 6585 §4; Cloud API error codes, "Throttling" |
 * | 502, 503, 504 | unknown: a gateway answered, perhaps after the API had sent it | RFC 9110 §15.6.3-5 |
 * | any other 5xx, 408 | retryable | RFC 9110 §15.6, §15.5.9 |
 * | anything else that is no success: 400, 401, 403, … | permanent | RFC 9110 §15.5 |
 * | refused, DNS, no route, TLS | unreachable: nothing was asked | Node.js `errors`, undici `Errors` |
 * | timeout, reset, half an answer | unknown: it may have been sent | – |
 */
export function chatError(failure: ChatFailure): DulyError {
  if ("broken" in failure) return brokenError(failure.broken);
  const { status, body, retryAfterMs } = failure;
  const { code, message } = readRefusal(body);
  const told = `the chat API answered ${status}${message === undefined ? "" : `: ${message}`}`;
  if (status === 429 || (code !== undefined && RATE_LIMIT_CODES.has(code))) {
    return new RateLimitedError("chat", told, { retryAfterMs: retryAfterMs ?? PATIENCE_MS });
  }
  if (status >= 502 && status <= 504) return new UnknownOutcomeError(told);
  if (status === 408) return new RetryableError("chat_408", told, { effect: "none" });
  if (status >= 500)
    return new RetryableError(`chat_${status}`, told, retryAfterMs === undefined ? {} : { retryAfterMs });
  return new PermanentError(code === undefined ? `chat_${status}` : `chat_${status}_${code}`, told);
}

function brokenError(cause: unknown): DulyError {
  const code = neverConnected(cause)?.code;
  if (code !== undefined)
    return new UnreachableError("chat", `the chat API cannot be reached (${code})`, { cause });
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UnknownOutcomeError(`the chat API may have taken the message: ${reason}`, { cause });
}

const Refusal = z.object({
  error: z.object({ code: z.number().optional(), message: z.string().optional() }),
});

/** Reads the API's JSON error body; a gateway's HTML page says nothing. */
function readRefusal(body: string): { code?: number | undefined; message?: string | undefined } {
  try {
    return Refusal.parse(JSON.parse(body)).error;
  } catch {
    return {};
  }
}
