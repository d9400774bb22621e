import { type QueryExecutorProvider, sql } from "kysely";

/** Ends jobs as cancelled and frees their unique keys; only for jobs that certainly had no effect. */
export async function cancel(
  trx: QueryExecutorProvider,
  ids: readonly string[],
  reason: string,
): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    with ended as (
      update duly.jobs j set state = 'cancelled', holder = null, wake_at = null, retry_at = null, waits_for = null,
        last_error = ${JSON.stringify({ name: "Cancelled", message: reason })}::jsonb, finished_at = duly.now()
      where j.id = any(${ids}::uuid[])
      returning j.id, j.type, j.unique_key
    )
    delete from duly.unique_keys u using ended e
    where e.unique_key is not null and u.type = e.type and u.key = e.unique_key and u.job_id = e.id
  `.execute(trx);
}
