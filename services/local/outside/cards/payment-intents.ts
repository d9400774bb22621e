import { z } from "zod";
import { type HttpReply, json } from "../serve-http.ts";
import type { Operation, Prepared } from "./operation.ts";
import { Metadata, readParameters } from "./read-parameters.ts";
import { renderIntent } from "./render.ts";
import { invalidRequest, missing, stripeError } from "./stripe-error.ts";
import { takeMoney } from "./take-money.ts";
import { newId, type PaymentIntent, type Vault } from "./vault.ts";

const flag = z.enum(["true", "false"]).optional();

const Creation = z.strictObject({
  // The API takes amounts of up to eight digits.
  amount: z.coerce.number().int().min(1).max(99_999_999),
  currency: z.string().regex(/^[a-z]{3}$/, "must be a currency in small letters"),
  customer: z.string().optional(),
  payment_method: z.string().optional(),
  allowed_payment_method_types: z.record(z.string(), z.literal("card")).optional(),
  description: z.string().max(1_000).optional(),
  confirm: flag,
  off_session: flag,
  metadata: Metadata,
});
const Confirmation = z.strictObject({ payment_method: z.string().optional(), off_session: flag });
const Nothing = z.strictObject({});

/** PaymentIntents: created, confirmed without the cardholder, cancelled and looked at. */
export function paymentIntentOperations(vault: Vault): readonly Operation[] {
  return [
    {
      name: "create",
      method: "POST",
      path: /^\/v1\/payment_intents$/,
      prepare: (request) => {
        const read = readParameters(Creation, request);
        if (!read.ok) return read.reply;
        const { customer = null, payment_method: method = null, confirm } = read.value;
        if (customer !== null && !vault.customers.has(customer)) return missing("customer", customer);
        if (method !== null && !vault.methods.has(method)) return missing("PaymentMethod", method);
        const act: Prepared["act"] = (context) => {
          const created = make(vault, read.value);
          return confirm === "true" ? pay(vault, created, method, context) : json(200, renderIntent(created));
        };
        return { about: present(customer, method), act };
      },
    },
    {
      name: "confirm",
      method: "POST",
      path: /^\/v1\/payment_intents\/([^/]+)\/confirm$/,
      prepare: (request, id) => {
        const read = readParameters(Confirmation, request);
        if (!read.ok) return read.reply;
        const { payment_method: method = null } = read.value;
        if (method !== null && !vault.methods.has(method)) return missing("PaymentMethod", method);
        return withIntent(vault, id, method, (intent, context) => pay(vault, intent, method, context));
      },
    },
    {
      name: "cancel",
      method: "POST",
      path: /^\/v1\/payment_intents\/([^/]+)\/cancel$/,
      prepare: (request, id) => {
        const read = readParameters(Nothing, request);
        if (!read.ok) return read.reply;
        return withIntent(vault, id, null, (intent) => {
          if (isOver(intent)) return unexpectedState(intent, "cancel");
          const canceled = { ...intent, status: "canceled" as const, changed: Date.now() };
          vault.keep("intent", canceled);
          return json(200, renderIntent(canceled));
        });
      },
    },
    {
      name: "retrieve",
      method: "GET",
      path: /^\/v1\/payment_intents\/(?!search$)([^/]+)$/,
      prepare: (_request, id) => {
        const intent = vault.intents.get(id);
        if (intent === undefined) return missing("payment_intent", id);
        const act = () => json(200, renderIntent(vault.intents.get(id) ?? intent));
        return { about: present(id, intent.customer), act };
      },
    },
  ];
}

function make(vault: Vault, asked: z.infer<typeof Creation>): PaymentIntent {
  const now = Date.now();
  const { amount, currency, customer = null, payment_method: paymentMethod = null } = asked;
  const intent: PaymentIntent = {
    id: newId("pi"),
    amount,
    currency,
    customer,
    paymentMethod,
    description: asked.description ?? null,
    metadata: asked.metadata,
    status: paymentMethod === null ? "requires_payment_method" : "requires_confirmation",
    latestCharge: null,
    lastError: null,
    created: now,
    changed: now,
  };
  vault.keep("intent", intent);
  return intent;
}

function withIntent(
  vault: Vault,
  id: string,
  method: string | null,
  act: (intent: PaymentIntent, context: Parameters<Prepared["act"]>[0]) => HttpReply,
): Prepared | HttpReply {
  const intent = vault.intents.get(id);
  if (intent === undefined) return missing("payment_intent", id);
  // Read again when its turn has come: another request may have changed it.
  const now: Prepared["act"] = (context) => act(vault.intents.get(id) ?? intent, context);
  return { about: present(id, intent.customer, method ?? intent.paymentMethod), locks: id, act: now };
}

function pay(
  vault: Vault,
  intent: PaymentIntent,
  given: string | null,
  context: Parameters<Prepared["act"]>[0],
): HttpReply {
  if (isOver(intent)) return unexpectedState(intent, "confirm");
  const method = vault.methods.get(given ?? intent.paymentMethod ?? "");
  if (method === undefined) {
    return invalidRequest("You cannot confirm this PaymentIntent because it's missing a payment method.", {
      code: "payment_intent_unexpected_state",
    });
  }
  if (method.customer !== intent.customer) {
    return invalidRequest("The provided PaymentMethod belongs to another customer.", {
      code: "payment_method_unexpected_state",
      param: "payment_method",
    });
  }
  return takeMoney(vault, intent, method, context);
}

function isOver({ status }: PaymentIntent): boolean {
  return status === "succeeded" || status === "canceled";
}

function unexpectedState(intent: PaymentIntent, verb: string): HttpReply {
  return stripeError(400, {
    type: "invalid_request_error",
    code: "payment_intent_unexpected_state",
    message: `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`,
    payment_intent: renderIntent(intent),
  });
}

function present(...ids: readonly (string | null)[]): string[] {
  return ids.filter((id) => id !== null);
}
