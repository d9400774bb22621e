import { z } from "zod";
import { defineJob } from "./define-job.ts";

/** Adds the outcome of one payment to the report's own table. */
export const RecordTransaction = defineJob("transaction.record", {
  payload: z.object({
    eventId: z.uuid(),
    paymentId: z.uuid(),
    reference: z.string(),
    payer: z.string(),
    recipient: z.string(),
    amount: z.string(),
    currency: z.string(),
    outcome: z.enum(["completed", "failed"]),
    transactionHash: z.string().optional(),
    cardPaymentId: z.string().optional(),
    reason: z.string().optional(),
    happenedAt: z.iso.datetime(),
  }),
  priority: "medium",
});

/** Writes the transactions of a period into a CSV file. */
export const ReportTransactions = defineJob("report.transactions", {
  payload: z.object({
    /** First instant that counts. */
    from: z.iso.datetime(),
    /** First instant that no longer counts. */
    until: z.iso.datetime(),
  }),
  priority: "low",
  timeoutMs: 600_000,
});
