import { AsyncLocalStorage } from "node:async_hooks";
import { Stripe } from "stripe";
import { cardError, type Errand } from "./card-error.ts";
import type { Decline } from "./decline-codes.ts";

/** What is to be charged, to whom. */
export interface ChargeTerms {
  readonly paymentId: string;
  readonly reference: string;
  readonly customer: string;
  /** In Stripe's minor units. */
  readonly amount: number;
  /** ISO 4217. */
  readonly currency: string;
}

/** A payment as the processor knows it (its PaymentIntent). */
export interface CardPayment {
  readonly id: string;
  /** `open` can still take money, `succeeded` and `canceled` are for good, `processing` is not decided yet. */
  readonly state: "open" | "processing" | "succeeded" | "canceled";
  /** Of the newest try to take money. */
  readonly charge: string | undefined;
  /** Why that was declined. */
  readonly decline: Decline | undefined;
}

/** What a try to take money came to. */
export type Confirmation =
  | { readonly outcome: "payment"; readonly payment: CardPayment }
  | { readonly outcome: "declined"; readonly decline: Decline; readonly charge: string | undefined }
  /** It has taken its money already, or can take none any more: look at it. */
  | { readonly outcome: "settled" };

/** Where the processor is, and who is asking. */
export interface CardClientOptions {
  readonly url: string;
  readonly key: string;
  /** For each request. */
  readonly timeoutMs?: number;
}

/** The card processor, as payments speaks to it; everything it throws is one of Duly's errors. */
export class CardClient {
  readonly #stripe: Stripe;
  readonly #signal = new AsyncLocalStorage<AbortSignal>();

  /** None of its requests is repeated here: the engine decides on that. */
  constructor({ url, key, timeoutMs = 20_000 }: CardClientOptions) {
    const { protocol, hostname, port } = new URL(url);
    this.#stripe = new Stripe(key, {
      host: hostname,
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      protocol: protocol === "https:" ? "https" : "http",
      maxNetworkRetries: 0,
      telemetry: false,
      timeout: timeoutMs,
      // Stripe's client on Node's http repeats a request whose connection was cut, whatever it is told, and takes no
      // signal; on fetch it does neither and either.
      httpClient: Stripe.createFetchHttpClient((url, request) => this.#fetch(url, request)),
    });
  }

  /** Makes a customer with a card, once for each key; returns both ids. */
  async saveCard(
    holder: { userId: string; name: string; card: string },
    idempotencyKey: string,
  ): Promise<{ customer: string; paymentMethod: string }> {
    const { userId, name, card } = holder;
    return this.#ask("asking", AbortSignal.timeout(60_000), async ({ customers }) => {
      const made = await customers.create(
        { name, payment_method: card, metadata: { user: userId } },
        { idempotencyKey },
      );
      const { data } = await customers.listPaymentMethods(made.id, { type: "card" });
      const [method] = data;
      if (method === undefined) throw new Error(`the customer ${made.id} was made without a card`);
      return { customer: made.id, paymentMethod: method.id };
    });
  }

  /** Opens a payment; it takes no money before it is confirmed. */
  async open(terms: ChargeTerms, idempotencyKey: string, signal: AbortSignal): Promise<CardPayment> {
    const { paymentId, reference, customer, amount, currency } = terms;
    return this.#ask("asking", signal, async ({ paymentIntents }) => {
      const metadata = { payment: paymentId, reference };
      const wanted = { amount, currency: currency.toLowerCase(), customer, metadata };
      return read(
        await paymentIntents.create(
          { ...wanted, allowed_payment_method_types: ["card"], description: `Payment ${reference}` },
          { idempotencyKey },
        ),
      );
    });
  }

  /** Takes the money of an open payment, without its payer being there. */
  async confirm(
    id: string,
    paymentMethod: string,
    idempotencyKey: string,
    signal: AbortSignal,
  ): Promise<Confirmation> {
    return this.#ask("charging", signal, async ({ paymentIntents }) => {
      try {
        const how = { payment_method: paymentMethod, off_session: true };
        const confirmed = await paymentIntents.confirm(id, how, { idempotencyKey });
        return { outcome: "payment", payment: read(confirmed) };
      } catch (error) {
        if (error instanceof Stripe.errors.StripeCardError) {
          return { outcome: "declined", decline: declineOf(error), charge: error.charge };
        }
        if (isSettled(error)) return { outcome: "settled" };
        throw error;
      }
    });
  }

  /** What became of a payment. */
  async look(id: string, signal: AbortSignal): Promise<CardPayment> {
    return this.#ask("asking", signal, async ({ paymentIntents }) => read(await paymentIntents.retrieve(id)));
  }

  /** Sees to it that a payment takes no money any more; undefined when that is too late. */
  async cancel(id: string, signal: AbortSignal): Promise<CardPayment | undefined> {
    return this.#ask("asking", signal, async ({ paymentIntents }) => {
      try {
        return read(await paymentIntents.cancel(id));
      } catch (error) {
        if (isSettled(error)) return undefined;
        throw error;
      }
    });
  }

  async #ask<Result>(
    errand: Errand,
    signal: AbortSignal,
    request: (stripe: Stripe) => Promise<Result>,
  ): Promise<Result> {
    signal.throwIfAborted();
    try {
      return await this.#signal.run(signal, () => request(this.#stripe));
    } catch (error) {
      signal.throwIfAborted();
      throw cardError(error, errand);
    }
  }

  async #fetch(url: string | URL | Request, request: RequestInit = {}): Promise<Response> {
    const signals = [request.signal, this.#signal.getStore()].flatMap((signal) => signal ?? []);
    return fetch(url, { ...request, redirect: "manual", signal: AbortSignal.any(signals) });
  }
}

function read({
  id,
  status,
  latest_charge: latest,
  last_payment_error: error,
}: Stripe.PaymentIntent): CardPayment {
  const states = { succeeded: "succeeded", canceled: "canceled", processing: "processing" } as const;
  return {
    id,
    state: status in states ? states[status as keyof typeof states] : "open",
    charge: typeof latest === "string" ? latest : latest?.id,
    decline: error === null ? undefined : declineOf(error),
  };
}

function declineOf(error: {
  code?: string | undefined;
  decline_code?: string | undefined;
  advice_code?: string | undefined;
  network_advice_code?: string | undefined;
}): Decline {
  return {
    code: error.decline_code || error.code || "generic_decline",
    adviceCode: error.advice_code,
    networkAdviceCode: error.network_advice_code,
  };
}

function isSettled(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === "payment_intent_unexpected_state"
  );
}
