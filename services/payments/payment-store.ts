import { sql } from "kysely";
import type { Hex } from "./chain/address.ts";
import type { PaymentsDatabase } from "./tables.ts";

/** A payment with what is needed to make it. */
export interface Payment {
  readonly id: string;
  readonly reference: string;
  readonly payer: string;
  readonly walletIndex: number;
  readonly recipient: Hex;
  /** Minor units. */
  readonly amount: bigint;
  readonly currency: string;
  readonly token: Hex;
  readonly decimals: number;
  readonly state: "scheduled" | "completed" | "failed";
}

/** Loads a payment with its payer's wallet and its token; undefined when there is none. */
export async function loadPayment(db: PaymentsDatabase, id: string): Promise<Payment | undefined> {
  const row = await db
    .selectFrom("payments.payments as payment")
    .innerJoin("payments.users as user", "user.id", "payment.payer")
    .innerJoin("payments.tokens as token", "token.symbol", "payment.currency")
    .select(["payment.id", "payment.reference", "payment.payer", "payment.recipient", "payment.amount"])
    .select(["payment.currency", "payment.state", "user.wallet_index", "token.address", "token.decimals"])
    .where("payment.id", "=", id)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { wallet_index, address, recipient, amount, ...rest } = row;
  return {
    ...rest,
    walletIndex: wallet_index,
    token: address as Hex,
    recipient: recipient as Hex,
    amount: BigInt(amount),
  };
}

/** What proves that a payment was made. */
export type PaymentProof = { readonly transactionHash: string } | { readonly cardPaymentId: string };

/** Marks a payment as made; returns when, by the database's clock. */
export async function completePayment(db: PaymentsDatabase, id: string, proof: PaymentProof): Promise<Date> {
  const row = await db
    .updateTable("payments.payments")
    .set({
      state: "completed",
      transaction_hash: "transactionHash" in proof ? proof.transactionHash : null,
      card_payment_id: "cardPaymentId" in proof ? proof.cardPaymentId : null,
      completed_at: sql<Date>`clock_timestamp()`,
      failure_reason: null,
      failed_at: null,
    })
    .where("id", "=", id)
    .returning("completed_at")
    .executeTakeFirstOrThrow();
  return row.completed_at ?? new Date();
}

/** Marks a payment as failed and returns when; undefined, and nothing changed, when it was made after all. */
export async function failPayment(
  db: PaymentsDatabase,
  id: string,
  reason: string,
): Promise<Date | undefined> {
  const row = await db
    .updateTable("payments.payments")
    .set({ state: "failed", failure_reason: reason, failed_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", id)
    .where("state", "<>", "completed")
    .returning("failed_at")
    .executeTakeFirst();
  return row?.failed_at ?? undefined;
}
