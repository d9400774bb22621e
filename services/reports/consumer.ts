import type { Handler, Subscription } from "#shared/index.ts";
import { recordTransaction } from "./record-transaction.ts";
import { type ReportTransactionsParts, reportTransactions } from "./report-transactions.ts";
import { subscriptions } from "./subscriptions.ts";

/** All that reports runs and hears. */
export function reports(parts: ReportTransactionsParts): readonly (Handler | Subscription)[] {
  return [recordTransaction, reportTransactions(parts), ...subscriptions];
}
