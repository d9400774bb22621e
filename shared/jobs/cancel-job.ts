import { type QueryExecutorProvider, sql } from "kysely";

/**
 * What came of it: `cancelled` · `requested` it runs, or its effect is in doubt; whoever has it settles it as cancelled
 * when no effect is certain, else as completed · `finished` it had ended before · `unknown` there is no such job.
 */
export type Cancellation = "cancelled" | "requested" | "finished" | "unknown";

/**
 * Ends a job before it is done, in the caller's transaction. Keep that short: until it ends, whoever gets the job's
 * delivery waits for it.
 *
 * @param reason for people; it stays with the job.
 */
export async function cancelJob(
  db: QueryExecutorProvider,
  jobId: string,
  reason: string,
): Promise<Cancellation> {
  const result = await sql<{ outcome: Cancellation }>`
    select duly.cancel(${jobId}::uuid, ${reason}) as outcome
  `.execute(db);
  const row = result.rows[0];
  if (row === undefined) throw new Error("duly.cancel did not say what came of it");
  return row.outcome;
}
