import { crashPoint } from "#shared/config/crash-point.ts";
import {
  type Answer,
  type DulyError,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
} from "#shared/index.ts";
import type { PaymentsDatabase } from "../tables.ts";
import type { CardClient, CardPayment, ChargeTerms } from "./card-client.ts";
import { adoptCharge, endCharge, liveChargeOf, liveChargeOrVoid } from "./charge-store.ts";
import type { Decline } from "./decline-codes.ts";
import { type CardAndAmount, noteDecline, standingOf } from "./decline-store.ts";

/** One payment on its way to the card processor, under one intent. */
export interface ChargeOrder extends Omit<ChargeTerms, "amount">, CardAndAmount {
  /** In Stripe's minor units. */
  readonly stripeAmount: number;
  readonly intentKey: string;
}

/** Proof that the money was taken. */
export interface ChargeReceipt {
  readonly cardPaymentId: string;
  readonly charge: string | undefined;
}

/**
 * Charges cards so that a payment is made at most once, whatever dies when.
 *
 * The order that must hold: a processor's payment takes money once at most, so there is one for each payment that may
 * be confirmed, and it is stored before it is; another takes its place only when it is cancelled for good.
 */
export class CardGateway {
  readonly #client: CardClient;

  constructor(client: CardClient) {
    this.#client = client;
  }

  /**
   * Takes the money of a payment.
   *
   * @throws {PermanentError} when the card was declined for good; {RetryableError} when another day may help;
   *   {RateLimitedError} when a declined card may not be tried yet; and the errors of `cardError`.
   */
  async charge(order: ChargeOrder, db: PaymentsDatabase, signal: AbortSignal): Promise<ChargeReceipt> {
    await assertAllowed(db, order);
    const live = await liveChargeOf(db, order.paymentId);
    if (live !== undefined) crashPoint("payments.intent-adopted");
    const id = live ?? (await this.#open(order, db, signal));
    const confirmed = await this.#client.confirm(id, order.paymentMethod, order.intentKey, signal);
    crashPoint("payments.confirmed");
    switch (confirmed.outcome) {
      case "declined": {
        const { decline, charge } = confirmed;
        throw await this.#declined(order, db, decline, charge);
      }
      case "payment":
        return receiptOf(confirmed.payment);
      case "settled":
        return receiptOf(await this.#client.look(id, signal));
    }
  }

  /** Finds out what became of a payment; where it took no money, it is cancelled, so that it never will. */
  async find(order: ChargeOrder, db: PaymentsDatabase, signal: AbortSignal): Promise<Answer<ChargeReceipt>> {
    const id = await liveChargeOrVoid(db, order.paymentId, order.intentKey);
    if (id === undefined) return { effect: "none", closed: true };
    const payment = await this.#client.look(id, signal);
    if (payment.state === "succeeded") return { effect: "applied", receipt: receiptOf(payment) };
    if (payment.state === "processing") return { effect: "unknown" };
    // A decline whose answer was lost counts for the networks all the same.
    if (payment.decline !== undefined) await this.#declined(order, db, payment.decline, payment.charge);
    if (payment.state === "open" && (await this.#client.cancel(id, signal)) === undefined) {
      return { effect: "unknown" };
    }
    crashPoint("payments.intent-cancelled");
    await endCharge(db, id, "canceled");
    return { effect: "none", closed: true };
  }

  async #open(order: ChargeOrder, db: PaymentsDatabase, signal: AbortSignal): Promise<string> {
    const { paymentId, intentKey } = order;
    const terms = { ...order, amount: order.stripeAmount };
    const opened = await this.#client.open(terms, `${intentKey}.open`, signal);
    crashPoint("payments.intent-opened");
    const adopted = await adoptCharge(db, { paymentId, intentKey, cardPaymentId: opened.id });
    crashPoint("payments.intent-stored");
    if (adopted !== undefined) return adopted;
    const told = `intent ${intentKey} was given up, nothing was charged under it`;
    throw new RetryableError("intent_void", told, { effect: "none" });
  }

  async #declined(
    order: ChargeOrder,
    db: PaymentsDatabase,
    decline: Decline,
    charge: string | undefined,
  ): Promise<DulyError> {
    const verdict = await noteDecline(db, { ...order, id: charge ?? order.intentKey, decline });
    crashPoint("payments.declined");
    const code = `card_${decline.code}`;
    const told = `the card was declined: ${decline.code}`;
    if (verdict.again === "never") return new PermanentError(code, `${told}; ${verdict.why}`);
    return new RetryableError(code, told, { effect: "none", retryAfterMs: verdict.afterMs });
  }
}

// A job that was sent again by hand, or whose wait was cut short, must not break the networks' rules either.
async function assertAllowed(db: PaymentsDatabase, order: ChargeOrder): Promise<void> {
  const standing = await standingOf(db, order);
  if (standing.again === "now") return;
  const told = `the card was declined before: ${standing.code}`;
  if (standing.again === "never") {
    throw new PermanentError(`card_${standing.code}`, `${told}; give the payer another card`);
  }
  throw new RateLimitedError("card networks", told, { retryAfterMs: standing.afterMs });
}

function receiptOf(payment: CardPayment): ChargeReceipt {
  if (payment.state === "succeeded") return { cardPaymentId: payment.id, charge: payment.charge };
  throw new UnknownOutcomeError(`the card payment ${payment.id} is ${payment.state}`);
}
