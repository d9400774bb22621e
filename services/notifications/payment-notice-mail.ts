import type { z } from "zod";
import type { SendPaymentNotice } from "#shared/contracts/notifications.ts";

/** What a notice tells of a payment. */
export type PaymentNotice = z.infer<(typeof SendPaymentNotice)["payload"]>;

/** Words the mail that tells a payer what became of a payment. */
export function paymentNoticeMail(name: string, notice: PaymentNotice): { subject: string; text: string } {
  const { outcome, reference, amount, currency, recipient } = notice;
  const happened = outcome === "completed" ? "completed" : "failed";
  const detail =
    outcome === "completed"
      ? `Transaction: ${notice.transactionHash ?? "unknown"}`
      : `Reason: ${notice.reason ?? "unknown"}`;
  return {
    subject: `Payment ${reference} ${happened}`,
    text: [
      `Hello ${name},`,
      "",
      `your payment ${reference} of ${amount} ${currency} to ${recipient} has ${happened}.`,
      detail,
      `Payment id: ${notice.paymentId}`,
      "",
    ].join("\n"),
  };
}
