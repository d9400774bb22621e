import { type Kysely, sql } from "kysely";

/** A job that takes another's place does not inherit that somebody wanted it cancelled, nor that processes died with it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function duly.take_places(definition duly.job_types, jobs duly.new_job[], now timestamptz)
    returns void language plpgsql as $$
    declare
      lanes duly.lane[];
    begin
      delete from duly.expiries e using unnest(jobs) w, duly.jobs j
      where w.takes_place and w.payload is not null and j.id = w.id and e.job_id = j.id and e.expires_at = j.expires_at;

      with moved as (
        update duly.jobs j set state = first.state, payload = w.payload, priority = w.priority,
          service = definition.service, send = j.send + 1, attempt = 0, max_attempts = definition.max_attempts,
          holds = 0, run_at = w.run_at, wake_at = w.run_at, retry_at = null, waits_for = null,
          ordering_key = w.ordering_key, continues = definition.on_dead_letter = 'continue',
          expires_at = w.expires_at, timeout_ms = w.timeout_ms, progress = null, last_error = null,
          cancel_requested = false, cancel_reason = null, crashes = 0,
          correlation_id = coalesce(w.correlation_id, j.correlation_id),
          causation_id = coalesce(w.causation_id, j.causation_id), enqueued_at = take_places.now
        from unnest(jobs) w cross join lateral (select (case when w.run_at is not null then 'scheduled'
          when w.ordering_key is not null then 'blocked' else 'queued' end)::duly.job_state as state) first
        where j.id = w.id and w.takes_place and w.payload is not null
        returning j.id, j.number, j.send, j.priority, j.state, j.expires_at
      ), outgoing as (
        insert into duly.outbox (lane, ref, send)
        select moved.priority::text::duly.lane, moved.id, moved.send from moved
        where moved.state = 'queued' order by moved.number
        returning lane
      ), expiring as (
        insert into duly.expiries (expires_at, job_id)
        select moved.expires_at, moved.id from moved where moved.expires_at is not null
      )
      select array_agg(distinct outgoing.lane) into lanes from outgoing;
      if lanes is not null then
        perform duly.wake_relay(lanes);
      end if;
    end $$`.execute(db);
}

export async function down(): Promise<void> {
  // Down always goes below the first migration, and the function goes with the one that made it.
}
