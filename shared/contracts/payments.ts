import { z } from "zod";
import { defineEvent } from "./define-event.ts";
import { defineJob } from "./define-job.ts";

/** Moves tokens from the payer's wallet to the recipient on chain; its payload names a row of `payments.payments`. */
export const ExecutePayment = defineJob("payment.execute", {
  payload: z.object({ paymentId: z.uuid() }),
  priority: "medium",
  priorities: ["high", "medium", "low"],
  attempts: 5,
  backoff: [1_000, 2_000, 4_000, 8_000],
  timeoutMs: 60_000,
});

/**
 * Charges the payer's card; its payload names a row of `payments.payments`.
 *
 * Each soft decline is an attempt, and the next one comes days later, as the card networks want it.
 */
export const ChargeCard = defineJob("payment.charge", {
  payload: z.object({ paymentId: z.uuid() }),
  priority: "medium",
  priorities: ["high", "medium", "low"],
  attempts: 8,
  backoff: [2_000, 4_000, 8_000, 16_000, 32_000, 64_000],
  timeoutMs: 60_000,
});

const payment = {
  paymentId: z.uuid(),
  reference: z.string(),
  payer: z.string(),
  recipient: z.string(),
  /** Decimal with as many digits as the currency has, never a float. */
  amount: z.string(),
  currency: z.string(),
};

/** The transfer is in a block, or the card was charged; one of the two proofs is there. */
export const PaymentCompleted = defineEvent("payment.completed", {
  version: 1,
  data: z.object({
    ...payment,
    transactionHash: z.string().optional(),
    /** The card processor's id. */
    cardPaymentId: z.string().optional(),
    completedAt: z.iso.datetime(),
  }),
});

/** The payment dead-lettered; nothing was moved, or a person has to look. */
export const PaymentFailed = defineEvent("payment.failed", {
  version: 1,
  data: z.object({ ...payment, reason: z.string(), failedAt: z.iso.datetime() }),
});
