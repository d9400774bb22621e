import { timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Faults } from "../faults.ts";
import type { HttpReply, HttpRequest } from "../serve-http.ts";
import { type AnswerOnce, newRequestId } from "./answer-once.ts";
import type { CardFault } from "./card-fault.ts";
import type { Operation, Prepared } from "./operation.ts";
import { stripeError } from "./stripe-error.ts";
import type { IssuerAnswer } from "./test-cards.ts";

const KINDS = ["slow", "5xx", "429", "decline", "reset", "timeout-after-effect"] as const;

/** What answering needs. */
export interface Desk {
  readonly secret: string;
  readonly answers: AnswerOnce;
  readonly faults: Faults<CardFault>;
  readonly operations: readonly Operation[];
  /** PaymentIntents that a request is working on. */
  readonly locked: Set<string>;
}

/** Answers one request of Stripe's API: login, then limits, then the key, then the work. */
export async function answerRequest(desk: Desk, request: HttpRequest): Promise<HttpReply> {
  const requestId = newRequestId();
  return withHeaders(await answer(desk, request, requestId), request, requestId);
}

async function answer(desk: Desk, request: HttpRequest, requestId: string): Promise<HttpReply> {
  if (!isSecret(request.authorization, desk.secret)) {
    return stripeError(401, { type: "invalid_request_error", message: "Invalid API Key provided." });
  }
  const { method, url } = request;
  const operation = desk.operations.find((each) => each.method === method && each.path.test(url.pathname));
  if (operation === undefined) {
    const message = `Unrecognized request URL (${method}: ${url.pathname}).`;
    return stripeError(404, { type: "invalid_request_error", message });
  }
  const id = decodeURIComponent(operation.path.exec(url.pathname)?.[1] ?? "");
  const prepared = operation.prepare(request, id);
  return "kind" in prepared ? prepared : serve(desk, request, requestId, { operation, prepared });
}

async function serve(
  desk: Desk,
  request: HttpRequest,
  requestId: string,
  { operation, prepared }: { operation: Operation; prepared: Prepared },
): Promise<HttpReply> {
  const fault = desk.faults.take(KINDS, prepared.about, operation.name);
  // Limits come before keys, and what a gateway says was never seen by the API.
  if (fault?.kind === "429") return tooMany(fault.retryAfterS, fault.asDate);
  if (fault?.kind === "reset") return { kind: "cut", afterMs: 0 };
  if (fault?.kind === "5xx" && isGateways(fault) && !fault.effect) return serverError(fault.status);

  const key = request.method === "POST" ? keyOf(request) : null;
  const turn = desk.answers.begin(key, request, requestId);
  if ("answer" in turn) return turn.answer;
  try {
    return await work(desk, prepared, fault, key, turn.save);
  } finally {
    turn.end();
  }
}

async function work(
  { locked }: Desk,
  prepared: Prepared,
  fault: CardFault | undefined,
  key: string | null,
  save: (reply: HttpReply) => void,
): Promise<HttpReply> {
  const { locks } = prepared;
  if (locks !== undefined && locked.has(locks)) return lockTimeout();
  if (locks !== undefined) locked.add(locks);
  try {
    if (fault?.kind === "slow") await sleep(fault.delayMs);
    if (fault?.kind === "5xx" && !isGateways(fault)) {
      if (fault.effect) prepared.act({ key, issuer: undefined });
      const failed = serverError(fault.status);
      save(failed);
      return failed;
    }
    const reply = prepared.act({ key, issuer: issuerTold(fault) });
    save(reply);
    if (fault?.kind === "5xx") return serverError(fault.status);
    return fault?.kind === "timeout-after-effect" ? { kind: "cut", afterMs: fault.delayMs } : reply;
  } finally {
    if (locks !== undefined) locked.delete(locks);
  }
}

function issuerTold(fault: CardFault | undefined): IssuerAnswer | undefined {
  if (fault?.kind !== "decline") return undefined;
  const { code, adviceCode, networkAdviceCode } = fault;
  return {
    declineCode: code,
    ...(adviceCode === undefined ? {} : { adviceCode }),
    ...(networkAdviceCode === undefined ? {} : { networkAdviceCode }),
  };
}

function isGateways({ status }: { readonly status: number }): boolean {
  return status >= 502 && status <= 504;
}

function serverError(status: number): HttpReply {
  return stripeError(status, { type: "api_error", message: "An unknown error occurred." });
}

function tooMany(seconds: number, asDate: boolean): HttpReply {
  const wait = asDate ? new Date(Date.now() + seconds * 1_000).toUTCString() : String(seconds);
  const message = "Request rate limit exceeded.";
  return stripeError(
    429,
    { type: "invalid_request_error", code: "rate_limit", message },
    { "retry-after": wait },
  );
}

function lockTimeout(): HttpReply {
  const message =
    "This object cannot be accessed right now because another API request or Stripe process is currently accessing it.";
  return stripeError(429, { type: "invalid_request_error", code: "lock_timeout", message });
}

function keyOf({ headers }: HttpRequest): string | null {
  const key = headers["idempotency-key"];
  return typeof key === "string" && key !== "" ? key : null;
}

function isSecret(authorization: string | undefined, secret: string): boolean {
  const given = Buffer.from(authorization ?? "");
  const wanted = Buffer.from(`Bearer ${secret}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function withHeaders(reply: HttpReply, { headers }: HttpRequest, requestId: string): HttpReply {
  if (reply.kind !== "json") return reply;
  const version = headers["stripe-version"];
  const key = headers["idempotency-key"];
  return {
    ...reply,
    headers: {
      "request-id": requestId,
      ...(typeof version === "string" ? { "stripe-version": version } : {}),
      ...(typeof key === "string" ? { "idempotency-key": key } : {}),
      ...reply.headers,
    },
  };
}
