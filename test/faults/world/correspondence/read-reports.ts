import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { sql } from "kysely";
import { z } from "zod";
import type { Database } from "#shared/index.ts";
import type { ReportFate, ReportFile, TransactionFate } from "./judge-reports.ts";
import { lineOf } from "./transactions.ts";

const PART = ".part";
const LONG_AGO_MS = 2 * 3_600_000;

const Rows = z.array(
  z
    .object({
      happened_at: z.string(),
      reference: z.string(),
      payer: z.string(),
      recipient: z.string(),
      amount: z.string(),
      currency: z.string(),
      outcome: z.enum(["completed", "failed"]),
      reason: z.string(),
      payment_id: z.string(),
      event_id: z.string(),
      card_payment_id: z.string(),
    })
    .transform(({ happened_at: happenedAt, payment_id: paymentId, event_id: eventId, ...row }) =>
      lineOf({ ...row, happenedAt, paymentId, eventId, cardPaymentId: row.card_payment_id }),
    ),
);

/** What the service says of the reports of these jobs. */
export async function readReportFates(db: Database, jobs: readonly string[]): Promise<ReportFate[]> {
  const { rows } = await sql<ReportFate>`
    select asked.job, coalesce(j.state, h.state)::text as state, coalesce(j.attempt, h.attempt) as attempts,
      (select count(*)::int from duly.dead_letters l where l.job_id = asked.job) as letters,
      (select count(*)::int from reports.reports r where r.job_id = asked.job) as records,
      (select max(row_count)::int from reports.reports r where r.job_id = asked.job) as "recordedLines"
    from unnest(${jobs}::uuid[]) as asked(job) left join duly.jobs j on j.id = asked.job
      left join duly.jobs_history h on h.id = asked.job`.execute(db);
  return rows;
}

/** What became of the transactions that these jobs were to record, given as job and event. */
export async function readTransactionFates(
  db: Database,
  recorded: ReadonlyMap<string, string>,
): Promise<TransactionFate[]> {
  const { rows } = await sql<TransactionFate>`
    select asked.job, coalesce(j.state, h.state)::text as state, coalesce(j.attempt, h.attempt) as attempts,
      exists (select from reports.transactions t where t.event_id = asked.event) as "isRecorded"
    from unnest(${[...recorded.keys()]}::uuid[], ${[...recorded.values()]}::uuid[]) as asked(job, event)
      left join duly.jobs j on j.id = asked.job left join duly.jobs_history h on h.id = asked.job`.execute(
    db,
  );
  return rows;
}

/** All that lies in the folder of reports, half-written files too. */
export async function readReportFiles(folder: string): Promise<ReportFile[]> {
  const names = await readdir(folder);
  return Promise.all(
    names.map(async (name) => ({ name, lines: linesOf(await readFile(join(folder, name), "utf8")) })),
  );
}

/** Lets the hours pass after which the service removes what killed processes left half-written; returns how many. */
export async function agePartFiles(folder: string): Promise<number> {
  const parts = (await readdir(folder)).filter((name) => name.endsWith(PART));
  const then = new Date(Date.now() - LONG_AGO_MS);
  await Promise.all(parts.map((name) => utimes(join(folder, name), then, then)));
  return parts.length;
}

function linesOf(text: string): string[] | undefined {
  try {
    return Rows.safeParse(parse(text, { columns: true })).data;
  } catch {
    return undefined; // it ends in the middle of a row
  }
}
