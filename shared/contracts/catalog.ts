import type { EventDefinition } from "./define-event.ts";
import type { JobDefinition } from "./define-job.ts";
import { SendMessage } from "./messages.ts";
import { SendOtp, SendPaymentNotice } from "./notifications.ts";
import { ExecutePayment, PaymentCompleted, PaymentFailed } from "./payments.ts";
import { RecordTransaction, ReportTransactions } from "./reports.ts";

/** Every kind of job of the application, once. */
export const JOBS: readonly JobDefinition[] = [
  ExecutePayment,
  SendOtp,
  SendPaymentNotice,
  SendMessage,
  RecordTransaction,
  ReportTransactions,
];

/** Every kind of event of the application, once. */
export const EVENTS: readonly EventDefinition[] = [PaymentCompleted, PaymentFailed];
