import {
  type Answer,
  type Database,
  type Intent,
  type JobInHand,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
} from "#shared/index.ts";
import type { LabPayload } from "./kinds.ts";

/** A run of a handler, as its provider needs to know it. */
export interface Asked {
  readonly job: JobInHand;
  readonly payload: LabPayload;
  readonly intent: Intent;
  readonly signal: AbortSignal;
  readonly db: Database;
}

export interface ProviderReceipt {
  readonly effect: string;
}

/** Makes one effect; `key` only at a provider that drops a key's second request. */
export async function makeEffect(
  provider: string,
  { job, payload, signal }: Asked,
  key: string | undefined,
): Promise<ProviderReceipt> {
  const response = await request(`${provider}/effects`, {
    method: "POST",
    signal,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      job: job.id,
      round: payload.round,
      delayMs: payload.delayMs,
      hopeless: payload.hopeless,
      key,
    }),
  });
  if (response.status === 402) throw new PermanentError("refused", "the provider refused");
  if (response.status === 429) {
    const retryAfterMs = Number(response.headers.get("retry-after")) * 1000;
    throw new RateLimitedError("the laboratory's provider", "too many requests", { retryAfterMs });
  }
  // The key of somebody who is late: whoever asked closed it, and has the job by now.
  if (response.status === 409)
    throw new RetryableError("closed", "the provider closed this key", { effect: "none" });
  // An answer of 5xx may come before or after the effect.
  if (response.status >= 502)
    throw new UnknownOutcomeError(`the provider's gateway answered ${response.status}`);
  if (!response.ok) throw new RetryableError("provider", `the provider answered ${response.status}`);
  return (await response.json()) as ProviderReceipt;
}

/** Asks whether a key had its effect; if it had none, one may still come. */
export async function findEffect(provider: string, asked: Asked): Promise<Answer<ProviderReceipt>> {
  return answerOf(await question(provider, asked, "GET"), { effect: "none" });
}

/** Asks whether a key had its effect; if it had none, none can come any more. */
export async function closeKey(provider: string, asked: Asked): Promise<Answer<ProviderReceipt>> {
  return answerOf(await question(provider, asked, "DELETE"), { effect: "none", closed: true });
}

function question(provider: string, { intent, payload, signal }: Asked, method: string): Promise<Response> {
  const query = new URLSearchParams({ round: payload.round });
  return request(`${provider}/effects/${intent.key}?${query.toString()}`, { method, signal });
}

async function answerOf(response: Response, none: Answer<ProviderReceipt>): Promise<Answer<ProviderReceipt>> {
  if (response.status === 404) return none;
  if (!response.ok) throw new RetryableError("provider", `the provider answered ${response.status}`);
  return { effect: "applied", receipt: (await response.json()) as ProviderReceipt };
}

// A refused connection never left; the engine finds that in the cause. Whatever else breaks may have left.
async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof Error && hasCode(error.cause, "ECONNREFUSED")) throw error;
    throw new UnknownOutcomeError("the provider did not answer", { cause: error });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
