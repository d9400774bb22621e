import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { otpMail } from "../../../services/notifications/otp-mail.ts";
import { paymentNoticeMail } from "../../../services/notifications/payment-notice-mail.ts";

const payment = {
  paymentId: randomUUID(),
  reference: "INV-7",
  payer: "alice",
  recipient: "0x00000000000000000000000000000000000000aa",
  amount: "12.50",
  currency: "DUSD",
};

test("the code stands in the text of its mail and not in the subject", () => {
  const mail = otpMail("042137", new Date("2026-05-01T10:00:00Z"));
  expect(mail.text).toContain("042137");
  expect(mail.text).toContain("2026-05-01T10:00:00.000Z");
  expect(mail.subject).not.toContain("042137");
});

test("the notice of a completed payment names amount, recipient and transaction", () => {
  const mail = paymentNoticeMail("Alice", { ...payment, outcome: "completed", transactionHash: "0xabc" });
  expect(mail.subject).toBe("Payment INV-7 completed");
  expect(mail.text).toContain("12.50 DUSD to 0x00000000000000000000000000000000000000aa has completed");
  expect(mail.text).toContain("Transaction: 0xabc");
});

test("the notice of a failed payment names the reason", () => {
  const mail = paymentNoticeMail("Alice", { ...payment, outcome: "failed", reason: "recipient refused" });
  expect(mail.subject).toBe("Payment INV-7 failed");
  expect(mail.text).toContain("Reason: recipient refused");
});
