import { type QueryExecutorProvider, sql } from "kysely";
import { cancel } from "./cancel.ts";

/**
 * Cancels waiting jobs that are worth nothing any more. One that runs is left to its holder, one whose outside effect is
 * in doubt to its next delivery, which asks.
 *
 * @returns how many were cancelled.
 */
export async function expire(trx: QueryExecutorProvider, limit: number): Promise<number> {
  const over = await sql<{ id: string }>`
    with over as (
      delete from duly.expiries e using (
        select * from duly.expiries where expires_at <= duly.now() order by expires_at limit ${limit} for update skip locked
      ) passed
      where e.expires_at = passed.expires_at and e.job_id = passed.job_id
      returning e.job_id
    )
    select j.id from duly.jobs j join over on over.job_id = j.id
    where j.state in ('scheduled', 'blocked', 'queued', 'retrying', 'held')
      and not exists (select from duly.intents i where i.job_id = j.id and i.outcome in ('unknown', 'doubtful', 'answered', 'applied'))
    order by j.id for no key update of j
  `.execute(trx);
  await cancel(
    trx,
    over.rows.map((row) => row.id),
    "expired before it could run",
  );
  return over.rows.length;
}
