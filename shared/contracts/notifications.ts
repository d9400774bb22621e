import { z } from "zod";
import { defineJob } from "./define-job.ts";

/** Mails a one-time code; the payload names the challenge, the code itself never travels. */
export const SendOtp = defineJob("email.otp", {
  payload: z.object({ challengeId: z.uuid() }),
  priority: "critical",
  timeoutMs: 15_000,
});

/** Tells a payer by mail what became of a payment. */
export const SendPaymentNotice = defineJob("email.payment-notice", {
  payload: z.object({
    outcome: z.enum(["completed", "failed"]),
    paymentId: z.uuid(),
    reference: z.string(),
    payer: z.string(),
    recipient: z.string(),
    amount: z.string(),
    currency: z.string(),
    transactionHash: z.string().optional(),
    cardPaymentId: z.string().optional(),
    reason: z.string().optional(),
  }),
  priority: "high",
  timeoutMs: 15_000,
});
