import { type QueryExecutorProvider, sql } from "kysely";
import { PermanentError } from "../errors/errors.ts";
import { jsonText } from "../errors/json-text.ts";

/** A job that is done, and what it returned. */
export interface Completion {
  readonly id: string;
  /** Under which it ran. */
  readonly send: number;
  /** Kept as JSON; what JSON cannot carry is not kept. */
  readonly result: unknown;
  /** When its handler began. */
  readonly startedAt: Date;
}

/**
 * Ends jobs as completed in the transaction of their effects, and frees their unique keys; the caller holds their locks.
 *
 * @throws {PermanentError} when a handler has cancelled or replaced one of them in this very transaction: what it was to
 *   do is not wanted any more, so nothing of it may stay.
 */
export async function complete(trx: QueryExecutorProvider, done: readonly Completion[]): Promise<void> {
  if (done.length === 0) return;
  const results = done.map((job) => jsonText(job.result) ?? null);
  const found = await sql<{ ended: number }>`
    with ended as (
      update duly.jobs j set state = 'completed', attempt = j.attempt + 1, holder = null, waits_for = null,
        wake_at = null, retry_at = null, last_error = null, result = done.result, finished_at = duly.now(),
        started_at = coalesce(j.started_at, greatest(done.started_at, j.run_at))
      from unnest(${done.map((job) => job.id)}::uuid[], ${done.map((job) => job.send)}::integer[], ${results}::jsonb[],
        ${done.map((job) => job.startedAt)}::timestamptz[]) as done(id, send, result, started_at)
      where j.id = done.id and j.send = done.send and j.state in ('queued', 'retrying', 'running')
      returning j.id, j.unique_key
    ), freed as (
      select duly.free_unique_keys(array_agg(id)) from ended where unique_key is not null having count(*) > 0
    )
    select count(*)::int as ended, (select count(*) from freed) from ended
  `.execute(trx);
  if ((found.rows[0]?.ended ?? 0) < done.length)
    throw new PermanentError(
      "job_changed",
      "a handler has cancelled or replaced the job that it was recording",
    );
}
