import { join } from "node:path";
import { ReportTransactions } from "#shared/contracts/reports.ts";
import { isDatabaseFault } from "#shared/database/database-fault.ts";
import { type Database, handle, UnreachableError } from "#shared/index.ts";
import { countCsvRows } from "./count-csv-rows.ts";
import { COLUMNS, streamTransactions } from "./stream-transactions.ts";
import type { ReportsTables } from "./tables.ts";
import { writeCsv } from "./write-csv.ts";

/** What writing reports needs. */
export interface ReportTransactionsParts {
  /** Connections for reading alone, one for each report at once. */
  readonly reading: Database;
  /** Where finished reports are, the same for every process of the service. */
  readonly folder: string;
}

/**
 * Writes the transactions of a period into `<folder>/<job id>.csv`, a row at a time.
 *
 * The job's id is the key: run again it replaces its own file by a whole one, and a finished file is its own answer.
 */
export function reportTransactions({ reading, folder }: ReportTransactionsParts) {
  const pathOf = (jobId: string) => join(folder, `${jobId}.csv`);

  return handle(ReportTransactions, {
    effects: "keyed",
    perform: async ({ job, payload, signal, progress }) => {
      const path = pathOf(job.id);
      try {
        const rows = await writeCsv({
          path,
          columns: COLUMNS,
          rows: streamTransactions(reading, payload),
          onRow: (count) => count % 1_000 === 0 && progress({ rows: count }),
          signal,
        });
        progress({ rows });
        return { path, rows };
      } catch (error) {
        // A report has one attempt, and it is not the report's fault that PostgreSQL restarts in its hours.
        if (!isDatabaseFault(error)) throw error;
        throw new UnreachableError("postgresql", "the rows of the report cannot be read", { cause: error });
      }
    },
    ask: async ({ job, signal }) => {
      const path = pathOf(job.id);
      const rows = await countCsvRows(path, signal);
      return rows === undefined ? { effect: "none" } : { effect: "applied", receipt: { path, rows } };
    },
    record: async (trx, { path, rows }, { job, payload }) => {
      await trx
        .$extendTables<ReportsTables>()
        .insertInto("reports.reports")
        .values({
          job_id: job.id,
          path,
          row_count: rows,
          period_from: payload.from,
          period_until: payload.until,
        })
        .onConflict((conflict) => conflict.column("job_id").doUpdateSet({ path, row_count: rows }))
        .execute();
      return { path, rows };
    },
  });
}
