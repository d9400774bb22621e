import type { ColumnType } from "kysely";

type TransactionsTable = {
  event_id: string;
  payment_id: string;
  reference: string;
  payer: string;
  recipient: string;
  /** Decimal, in the scale that it came with. */
  amount: string;
  currency: string;
  outcome: "completed" | "failed";
  transaction_hash: string | null;
  /** The card processor's id. */
  card_payment_id: string | null;
  reason: string | null;
  happened_at: ColumnType<Date, Date | string, never>;
};

type ReportsTable = {
  job_id: string;
  path: string;
  row_count: ColumnType<string, number | string, number | string>;
  period_from: ColumnType<Date, Date | string, never>;
  period_until: ColumnType<Date, Date | string, never>;
  created_at: ColumnType<Date, never, never>;
};

/** The tables of reports as Kysely sees them; types, for `$extendTables` takes no interface. */
export type ReportsTables = {
  "reports.transactions": TransactionsTable;
  "reports.reports": ReportsTable;
};
