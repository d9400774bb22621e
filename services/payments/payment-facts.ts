import { PaymentFailed } from "#shared/contracts/payments.ts";
import { emit, type JobInHand, type SettlingTransaction } from "#shared/index.ts";
import { failPayment } from "./payment-store.ts";
import type { PaymentsTables } from "./tables.ts";
import { formatTokenAmount } from "./token-amount.ts";

/** A payment as others hear of it. */
export interface ToldPayment {
  readonly id: string;
  readonly reference: string;
  readonly payer: string;
  readonly recipient: string;
  /** Minor units. */
  readonly amount: bigint;
  readonly decimals: number;
  readonly currency: string;
}

/** What every event says of a payment. */
export function factsOf({ id, reference, payer, recipient, amount, decimals, currency }: ToldPayment) {
  return {
    paymentId: id,
    reference,
    payer,
    recipient,
    amount: formatTokenAmount(amount, decimals),
    currency,
  };
}

/** Marks a payment as failed and tells the world; nothing of it when it was made after all. */
export async function recordPaymentFailure(
  trx: SettlingTransaction,
  payment: ToldPayment,
  { message: reason }: Error,
  job: JobInHand,
): Promise<void> {
  const failedAt = await failPayment(trx.$extendTables<PaymentsTables>(), payment.id, reason);
  if (failedAt === undefined) return;
  const data = { ...factsOf(payment), reason, failedAt: failedAt.toISOString() };
  await emit(trx, PaymentFailed, data, { cause: job, subject: payment.id });
}
