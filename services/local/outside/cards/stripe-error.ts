import { type HttpReply, json } from "../serve-http.ts";

/** What an error of Stripe's API tells beside its status; see its reference, "Errors". */
export interface StripeErrorDetails {
  readonly type: "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
  readonly decline_code?: string;
  readonly advice_code?: string;
  readonly network_advice_code?: string;
  readonly charge?: string;
  readonly payment_intent?: unknown;
}

/** An error answer in the shape of Stripe's API. */
export function stripeError(
  status: number,
  error: StripeErrorDetails,
  headers: Record<string, string> = {},
): HttpReply {
  return json(status, { error }, headers);
}

/** The answer to a request that cannot be meant; nothing of it was done. */
export function invalidRequest(message: string, more: { code?: string; param?: string } = {}): HttpReply {
  return stripeError(400, { type: "invalid_request_error", message, ...more });
}

/** The answer to an id that names nothing. */
export function missing(what: string, id: string): HttpReply {
  return stripeError(404, {
    type: "invalid_request_error",
    code: "resource_missing",
    message: `No such ${what}: '${id}'`,
    param: "id",
  });
}
