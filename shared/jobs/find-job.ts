import { type QueryExecutorProvider, sql } from "kysely";
import { JOB_COLUMNS, type JobRow } from "./job-row.ts";

/** Where a job id was found: at work, among the finished, or nowhere. */
export type FoundJob =
  | { readonly place: "jobs"; readonly job: JobRow }
  | { readonly place: "history" }
  | { readonly place: "nowhere" };

/** Looks for a job, then for a finished one in the part of the history that the id's time names. */
export async function findJob(db: QueryExecutorProvider, id: string): Promise<FoundJob> {
  const live = await sql<JobRow>`select ${sql.raw(JOB_COLUMNS)} from duly.jobs j where j.id = ${id}`.execute(
    db,
  );
  if (live.rows[0] !== undefined) return { place: "jobs", job: live.rows[0] };
  const finished = await sql`select from duly.jobs_history h where h.id = ${id}`.execute(db);
  return finished.rows.length > 0 ? { place: "history" } : { place: "nowhere" };
}

/** Locks jobs in the order of their ids, so that two groups cannot lock each other out; absent ones are left out. */
export async function lockJobs(
  trx: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, JobRow>> {
  const result = await sql<JobRow>`
    select ${sql.raw(JOB_COLUMNS)} from duly.jobs j where j.id = any(${ids}::uuid[]) order by j.id for no key update
  `.execute(trx);
  return new Map(result.rows.map((row) => [row.id, row]));
}
