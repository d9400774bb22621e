import { type Kysely, sql } from "kysely";

/** Ending a job before it is done, from any language. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Ends jobs as cancelled and frees their unique keys; only for locked jobs that certainly had no effect. What a person
  // gave as the reason goes before.
  await sql`
    create function duly.end_cancelled(ids uuid[], reason text) returns void language sql as $$
      with ended as (
        update duly.jobs j set state = 'cancelled', holder = null, wake_at = null, retry_at = null, waits_for = null,
          last_error = jsonb_build_object('name', 'Cancelled', 'message', coalesce(j.cancel_reason, reason)),
          finished_at = duly.now()
        where j.id = any (ids)
        returning j.id, j.unique_key
      )
      select duly.free_unique_keys(array_agg(id)) from ended where unique_key is not null having count(*) > 0
    $$`.execute(db);

  // What comes of it: cancelled · requested, a run or an effect in doubt has to be settled first · finished, it had
  // ended before · unknown, there is no such job.
  await sql`
    create function duly.cancel(job_id uuid, reason text default 'cancelled on request') returns text
    language plpgsql as $$
    declare
      job duly.jobs;
      in_doubt boolean;
    begin
      select j.* into job from duly.jobs j where j.id = cancel.job_id for no key update;
      if not found then
        return case when exists (select from duly.jobs_history h where h.id = cancel.job_id) then 'finished'
          else 'unknown' end;
      elsif job.state in ('completed', 'dead_lettered', 'cancelled') then
        return 'finished';
      end if;

      in_doubt := exists (select from duly.intents i where i.job_id = job.id
        and i.outcome in ('unknown', 'doubtful', 'answered', 'applied'));
      if job.state <> 'running' and not in_doubt then
        perform duly.end_cancelled(array[job.id], reason);
        return 'cancelled';
      elsif job.cancel_requested then
        return 'requested';
      end if;

      update duly.jobs j set cancel_requested = true, cancel_reason = cancel.reason where j.id = job.id;
      if job.state = 'running' then
        perform pg_notify('duly_cancel', job.id::text);
      elsif job.state in ('retrying', 'held') then
        perform duly.send_again(array[job.id]); -- its delivery asks what became of the effect; no need to wait for that
      end if;
      return 'requested';
    end $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.cancel(uuid, text)`.execute(db);
  await sql`drop function duly.end_cancelled(uuid[], text)`.execute(db);
}
