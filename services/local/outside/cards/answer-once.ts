import { createHash } from "node:crypto";
import { type HttpReply, type HttpRequest, json } from "../serve-http.ts";
import { stripeError } from "./stripe-error.ts";
import { newId, type Vault } from "./vault.ts";

const LONGEST_KEY = 255;
/** Keys may be forgotten once they are at least this old. */
const KEPT_MS = 24 * 3_600_000;

/** What became of the key of a request. */
export type Turn =
  /** The answer is there already: a repetition, or a key that is used for something else. */
  | { readonly answer: HttpReply }
  /** The request is to be done; `save` keeps its answer for the repetitions, `end` frees the key. */
  | { readonly save: (reply: HttpReply) => void; readonly end: () => void };

/**
 * Gives each idempotency key one answer (Stripe's API reference, "Idempotent requests", v1):
 * the first answer, errors of the server included, is kept for a day and given to every repetition; a repetition while
 * the first is still being done is a conflict; other parameters or another endpoint under the same key are an error.
 */
export class AnswerOnce {
  readonly #vault: Vault;
  readonly #busy = new Set<string>();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Begins a request; `key` is null for one without a key. */
  begin(key: string | null, request: HttpRequest, requestId: string): Turn {
    if (key === null) return { save: () => undefined, end: () => undefined };
    if (key.length > LONGEST_KEY)
      return { answer: idempotencyError(400, "Keys have at most 255 characters.") };
    const fingerprint = fingerprintOf(request);
    const saved = this.#vault.answers.get(key);
    if (saved !== undefined && Date.now() - saved.at < KEPT_MS) {
      if (saved.fingerprint !== fingerprint) {
        const message =
          "Keys for idempotent requests can only be used with the same endpoint and parameters they were first used with.";
        return { answer: idempotencyError(400, message) };
      }
      const replayed = { "idempotent-replayed": "true", "original-request": saved.requestId };
      return { answer: json(saved.status, saved.json, { ...replayed, "stripe-should-retry": "false" }) };
    }
    if (this.#busy.has(key)) {
      const message =
        "There is currently another in-progress request using this Idempotency Key. Please try again later.";
      return { answer: idempotencyError(409, message, "idempotency_key_in_use") };
    }
    this.#busy.add(key);
    return {
      save: (reply) => {
        if (reply.kind !== "json") return;
        const { status, json: body } = reply;
        this.#vault.keep("answer", { key, fingerprint, status, json: body, requestId, at: Date.now() });
      },
      end: () => void this.#busy.delete(key),
    };
  }

  /** Forgets every key, as if a day had passed. */
  forgetAll(): void {
    this.#vault.keep("forgotAnswers", true);
  }
}

/** A new id for a request. */
export function newRequestId(): string {
  return newId("req");
}

function fingerprintOf({ method, url, body }: HttpRequest): string {
  return createHash("sha256").update(`${method} ${url.pathname}\n${body}`).digest("base64url");
}

function idempotencyError(status: number, message: string, code?: string): HttpReply {
  return stripeError(status, {
    type: "idempotency_error",
    message,
    ...(code === undefined ? {} : { code }),
  });
}
