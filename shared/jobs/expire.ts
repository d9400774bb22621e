import { type QueryExecutorProvider, sql } from "kysely";
import type { JobState } from "../contracts/job-state.ts";
import { cancel } from "./cancel.ts";

const WAITING: ReadonlySet<JobState> = new Set(["scheduled", "blocked", "queued", "retrying", "held"]);

/**
 * Cancels waiting jobs that are worth nothing any more. One that runs is left to its holder, one whose outside effect is
 * in doubt to its next delivery, which asks; one whose row is locked to the next look.
 *
 * @returns how many were cancelled.
 */
export async function expire(trx: QueryExecutorProvider, limit: number): Promise<number> {
  const over = await sql<{ id: string; state: JobState; doubtful: boolean }>`
    with passed as materialized (
      select expires_at, job_id from duly.expiries where expires_at <= duly.now()
      order by expires_at limit ${limit} for update skip locked
    ), locked as materialized (
      select j.id, j.state from duly.jobs j join passed on passed.job_id = j.id
      order by j.id for no key update of j skip locked
    ), gone as (
      delete from duly.expiries e using passed p
      where e.expires_at = p.expires_at and e.job_id = p.job_id and (
        exists (select from locked where locked.id = p.job_id)
        or not exists (select from duly.jobs j where j.id = p.job_id))
    )
    select id, state, exists (select from duly.intents i where i.job_id = locked.id
      and i.outcome in ('unknown', 'doubtful', 'answered', 'applied')) as doubtful
    from locked
  `.execute(trx);
  const ids = over.rows.filter(({ state, doubtful }) => WAITING.has(state) && !doubtful).map(({ id }) => id);
  await cancel(trx, ids, "expired before it could run");
  return ids.length;
}
