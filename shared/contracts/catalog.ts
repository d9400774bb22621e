import type { JobDefinition } from "./define-job.ts";
import { SendMessage } from "./messages.ts";
import { SendOtp, SendPaymentNotice } from "./notifications.ts";
import { ChargeCard, ExecutePayment } from "./payments.ts";
import { RecordTransaction, ReportTransactions } from "./reports.ts";

/** Every kind of job of the application, once. */
export const JOBS: readonly JobDefinition[] = [
  ExecutePayment,
  ChargeCard,
  SendOtp,
  SendPaymentNotice,
  SendMessage,
  RecordTransaction,
  ReportTransactions,
];
