import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { PaymentCompleted, PaymentFailed } from "#shared/contracts/payments.ts";
import type { EventDefinition, Subscription } from "#shared/index.ts";
import { subscriptions } from "../../../services/notifications/subscriptions.ts";

const payment = {
  paymentId: randomUUID(),
  reference: "INV-7",
  payer: "alice",
  recipient: "0xaa",
  amount: "12.50",
  currency: "DUSD",
};

function jobOf(definition: EventDefinition, data: unknown) {
  const subscription = (subscriptions as readonly Subscription[]).find(({ event }) => event === definition);
  const id = randomUUID();
  const event = { id, type: definition.type, time: new Date(), subject: undefined, correlationId: id };
  const reaction = subscription?.react({ ...event, data: definition.data.parse(data) });
  return { type: reaction?.job.type, payload: reaction?.job.payload.parse(reaction.payload) };
}

test("a completed payment makes a notice with its transaction", () => {
  const completed = { ...payment, transactionHash: "0xabc", completedAt: "2026-05-01T10:00:00Z" };
  expect(jobOf(PaymentCompleted, completed)).toEqual({
    type: "email.payment-notice",
    payload: { ...payment, outcome: "completed", transactionHash: "0xabc" },
  });
});

test("a failed payment makes a notice with its reason", () => {
  const failed = { ...payment, reason: "refused", failedAt: "2026-05-01T10:00:00Z" };
  expect(jobOf(PaymentFailed, failed)).toEqual({
    type: "email.payment-notice",
    payload: { ...payment, outcome: "failed", reason: "refused" },
  });
});
