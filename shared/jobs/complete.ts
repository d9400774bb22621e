import { type QueryExecutorProvider, sql } from "kysely";
import { jsonText } from "../errors/json-text.ts";

/** A job that is done, and what it returned. */
export interface Completion {
  readonly id: string;
  /** Kept as JSON; what JSON cannot carry is not kept. */
  readonly result: unknown;
  /** When its handler began. */
  readonly startedAt: Date;
}

/** Ends jobs as completed in the transaction of their effects and frees their unique keys; the caller holds their locks. */
export async function complete(trx: QueryExecutorProvider, done: readonly Completion[]): Promise<void> {
  if (done.length === 0) return;
  const results = done.map((job) => jsonText(job.result) ?? null);
  await sql`
    with ended as (
      update duly.jobs j set state = 'completed', attempt = j.attempt + 1, holder = null, waits_for = null,
        retry_at = null, last_error = null, result = done.result, finished_at = duly.now(),
        started_at = coalesce(j.started_at, greatest(done.started_at, j.run_at))
      from unnest(${done.map((job) => job.id)}::uuid[], ${results}::jsonb[],
        ${done.map((job) => job.startedAt)}::timestamptz[]) as done(id, result, started_at)
      where j.id = done.id
      returning j.id, j.unique_key
    )
    select duly.free_unique_keys(array_agg(id)) from ended where unique_key is not null having count(*) > 0
  `.execute(trx);
}
