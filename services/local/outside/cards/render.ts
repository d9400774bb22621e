import type { Charge, Customer, PaymentIntent, PaymentMethod } from "./vault.ts";

/** A PaymentIntent as the API shows it, as far as it is known here. */
export function renderIntent(intent: PaymentIntent): Record<string, unknown> {
  const { id, amount, currency, customer, description, metadata, status, latestCharge, lastError } = intent;
  return {
    id,
    object: "payment_intent",
    amount,
    amount_capturable: 0,
    amount_received: status === "succeeded" ? amount : 0,
    canceled_at: status === "canceled" ? seconds(intent.changed) : null,
    capture_method: "automatic",
    client_secret: `${id}_secret`,
    confirmation_method: "automatic",
    created: seconds(intent.created),
    currency,
    customer,
    description,
    last_payment_error: lastError === null ? null : { type: "card_error", ...lastError },
    latest_charge: latestCharge,
    livemode: false,
    metadata,
    next_action: null,
    payment_method: intent.paymentMethod,
    allowed_payment_method_types: null,
    payment_method_types: ["card"],
    status,
  };
}

/** A card as the API shows it. */
export function renderMethod({ id, customer, created, token }: PaymentMethod): Record<string, unknown> {
  const brand = token.includes("mastercard") ? "mastercard" : "visa";
  const card = { brand, country: "US", exp_month: 12, exp_year: 2040, funding: "credit", last4: "4242" };
  return {
    id,
    object: "payment_method",
    card,
    created: seconds(created),
    customer,
    livemode: false,
    metadata: {},
    type: "card",
  };
}

/** A customer as the API shows it. */
export function renderCustomer({ id, name, metadata, created }: Customer): Record<string, unknown> {
  return { id, object: "customer", name, metadata, created: seconds(created), livemode: false };
}

/** A charge for people and tests; not of Stripe's shape. */
export function renderCharge(charge: Charge): Record<string, unknown> {
  return { ...charge, created: new Date(charge.created).toISOString() };
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1_000);
}
