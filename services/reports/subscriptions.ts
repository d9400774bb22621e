import { PaymentCompleted, PaymentFailed } from "#shared/contracts/payments.ts";
import { RecordTransaction } from "#shared/contracts/reports.ts";
import { subscribe } from "#shared/index.ts";

/** Whose facts reports reacts to: every payment that ended becomes a transaction of its own. */
export const subscriptions = [
  subscribe(PaymentCompleted, ({ id, data }) => ({
    job: RecordTransaction,
    payload: { ...data, eventId: id, outcome: "completed" as const, happenedAt: data.completedAt },
  })),
  subscribe(PaymentFailed, ({ id, data }) => ({
    job: RecordTransaction,
    payload: { ...data, eventId: id, outcome: "failed" as const, happenedAt: data.failedAt },
  })),
];
