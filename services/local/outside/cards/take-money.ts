import { type HttpReply, json } from "../serve-http.ts";
import { renderIntent } from "./render.ts";
import { stripeError } from "./stripe-error.ts";
import { type IssuerAnswer, issuerOf } from "./test-cards.ts";
import { newId, type PaymentError, type PaymentIntent, type PaymentMethod, type Vault } from "./vault.ts";

/** Decline codes that are an error's code, too; all others come as `card_declined` (Stripe's "Error codes"). */
const OWN_CODE = new Set(["authentication_required", "expired_card", "incorrect_cvc", "processing_error"]);

/** Charges a card for a PaymentIntent: it succeeds, or waits for another try after the issuer's refusal (402). */
export function takeMoney(
  vault: Vault,
  intent: PaymentIntent,
  method: PaymentMethod,
  { key, issuer = issuerOf(method.token) }: { key: string | null; issuer: IssuerAnswer | undefined },
): HttpReply {
  const now = Date.now();
  const charge = newId("ch");
  vault.keep("charge", {
    id: charge,
    paymentIntent: intent.id,
    customer: intent.customer,
    paymentMethod: method.id,
    amount: intent.amount,
    currency: intent.currency,
    paid: issuer === undefined,
    declineCode: issuer?.declineCode ?? null,
    idempotencyKey: key,
    metadata: intent.metadata,
    created: now,
  });
  const common = { ...intent, latestCharge: charge, changed: now };
  if (issuer === undefined) {
    const succeeded = {
      ...common,
      paymentMethod: method.id,
      status: "succeeded" as const,
      lastError: null,
    };
    vault.keep("intent", succeeded);
    return json(200, renderIntent(succeeded));
  }
  const lastError = errorOf(issuer, charge);
  const declined = {
    ...common,
    paymentMethod: null,
    status: "requires_payment_method" as const,
    lastError,
  };
  vault.keep("intent", declined);
  return stripeError(402, { type: "card_error", ...lastError, payment_intent: renderIntent(declined) });
}

function errorOf({ declineCode, adviceCode, networkAdviceCode }: IssuerAnswer, charge: string): PaymentError {
  return {
    message: `Your card was declined (${declineCode}).`,
    code: OWN_CODE.has(declineCode) ? declineCode : "card_declined",
    decline_code: declineCode,
    charge,
    ...(adviceCode === undefined ? {} : { advice_code: adviceCode }),
    ...(networkAdviceCode === undefined ? {} : { network_advice_code: networkAdviceCode }),
  };
}
