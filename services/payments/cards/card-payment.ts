import type { PaymentsDatabase } from "../tables.ts";

/** A payment by card, with what is needed to make it. */
export interface CardPaymentRow {
  readonly id: string;
  readonly reference: string;
  readonly payer: string;
  readonly recipient: string;
  /** Minor units by ISO 4217. */
  readonly amount: bigint;
  readonly currency: string;
  readonly decimals: number;
  /** Undefined when the payer has none. */
  readonly card: { readonly customer: string; readonly paymentMethod: string } | undefined;
  /** What it was made by, once it is. */
  readonly cardPaymentId: string | undefined;
}

/** Loads a payment with its payer's card; undefined when there is none. */
export async function loadCardPayment(db: PaymentsDatabase, id: string): Promise<CardPaymentRow | undefined> {
  const row = await db
    .selectFrom("payments.payments as payment")
    .innerJoin("payments.currencies as currency", "currency.code", "payment.currency")
    .leftJoin("payments.cards as card", "card.user_id", "payment.payer")
    .select(["payment.id", "payment.reference", "payment.payer", "payment.recipient", "payment.amount"])
    .select(["payment.currency", "payment.card_payment_id", "currency.exponent"])
    .select(["card.customer", "card.payment_method"])
    .where("payment.id", "=", id)
    .where("payment.method", "=", "card")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { amount, exponent, customer, payment_method: paymentMethod, card_payment_id, ...rest } = row;
  return {
    ...rest,
    amount: BigInt(amount),
    decimals: exponent,
    card: customer === null || paymentMethod === null ? undefined : { customer, paymentMethod },
    cardPaymentId: card_payment_id ?? undefined,
  };
}
