import type { z } from "zod";
import type { SendPaymentNotice } from "#shared/contracts/notifications.ts";

/** What a notice tells of a payment. */
export type PaymentNotice = z.infer<(typeof SendPaymentNotice)["payload"]>;

/** Words the mail that tells a payer what became of a payment. */
export function paymentNoticeMail(name: string, notice: PaymentNotice): { subject: string; text: string } {
  const { outcome, reference, amount, currency, recipient } = notice;
  const happened = outcome === "completed" ? "completed" : "failed";
  return {
    subject: `Payment ${reference} ${happened}`,
    text: [
      `Hello ${name},`,
      "",
      `your payment ${reference} of ${amount} ${currency} to ${recipient} has ${happened}.`,
      detailOf(notice),
      `Payment id: ${notice.paymentId}`,
      "",
    ].join("\n"),
  };
}

function detailOf({ outcome, reason, transactionHash, cardPaymentId }: PaymentNotice): string {
  if (outcome === "failed") return `Reason: ${reason ?? "unknown"}`;
  if (cardPaymentId !== undefined) return `Card payment: ${cardPaymentId}`;
  return `Transaction: ${transactionHash ?? "unknown"}`;
}
