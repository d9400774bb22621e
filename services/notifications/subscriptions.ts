import { SendPaymentNotice } from "#shared/contracts/notifications.ts";
import { PaymentCompleted, PaymentFailed } from "#shared/contracts/payments.ts";
import { subscribe } from "#shared/index.ts";

/** Whose facts notifications reacts to: the payer hears of every payment that ended. */
export const subscriptions = [
  subscribe(PaymentCompleted, ({ data }) => ({
    job: SendPaymentNotice,
    payload: { ...data, outcome: "completed" as const },
  })),
  subscribe(PaymentFailed, ({ data }) => ({
    job: SendPaymentNotice,
    payload: { ...data, outcome: "failed" as const },
  })),
];
