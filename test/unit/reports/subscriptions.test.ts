import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { PaymentCompleted, PaymentFailed } from "#shared/contracts/payments.ts";
import type { EventDefinition, Subscription } from "#shared/index.ts";
import { subscriptions } from "../../../services/reports/subscriptions.ts";

const payment = {
  paymentId: randomUUID(),
  reference: "INV-7",
  payer: "alice",
  recipient: "0xaa",
  amount: "12.50",
  currency: "DUSD",
};

const eventId = randomUUID();

function jobOf(definition: EventDefinition, data: unknown) {
  const subscription = (subscriptions as readonly Subscription[]).find(({ event }) => event === definition);
  const event = { id: eventId, type: definition.type, time: new Date(), subject: undefined };
  const parsed = { ...event, correlationId: randomUUID(), data: definition.data.parse(data) };
  const reaction = subscription?.react(parsed);
  return { type: reaction?.job.type, payload: reaction?.job.payload.parse(reaction.payload) };
}

test("a completed payment is recorded under its event's id, at the time of its completion", () => {
  const completed = { ...payment, transactionHash: "0xabc", completedAt: "2026-05-01T10:00:00Z" };
  expect(jobOf(PaymentCompleted, completed)).toEqual({
    type: "transaction.record",
    payload: {
      ...payment,
      eventId,
      outcome: "completed",
      transactionHash: "0xabc",
      happenedAt: "2026-05-01T10:00:00Z",
    },
  });
});

test("a failed payment is recorded with its reason, at the time of its failure", () => {
  const failed = { ...payment, reason: "refused", failedAt: "2026-05-01T11:00:00Z" };
  expect(jobOf(PaymentFailed, failed)).toEqual({
    type: "transaction.record",
    payload: {
      ...payment,
      eventId,
      outcome: "failed",
      reason: "refused",
      happenedAt: "2026-05-01T11:00:00Z",
    },
  });
});
