import type { Selectable } from "kysely";
import type { Database } from "#shared/index.ts";
import { streamRows } from "./stream-rows.ts";
import type { ReportsTables } from "./tables.ts";

/** First instant that counts, and first that no longer does, in ISO 8601. */
export interface Period {
  readonly from: string;
  readonly until: string;
}

/** One line of a report. */
export type TransactionRow = Selectable<ReportsTables["reports.transactions"]>;

/** The columns of a report, in its order. */
export const COLUMNS = [
  "happened_at",
  "reference",
  "payer",
  "recipient",
  "amount",
  "currency",
  "outcome",
  "transaction_hash",
  "reason",
  "payment_id",
  "event_id",
  "card_payment_id",
] as const satisfies readonly (keyof TransactionRow)[];

/** Streams the transactions of a period in the order in which they happened. */
export function streamTransactions(db: Database, { from, until }: Period): AsyncGenerator<TransactionRow> {
  const query = db
    .$extendTables<ReportsTables>()
    .selectFrom("reports.transactions")
    .select(COLUMNS)
    .where("happened_at", ">=", new Date(from))
    .where("happened_at", "<", new Date(until))
    .orderBy("happened_at")
    .orderBy("event_id");
  return streamRows(db, query);
}
