import { type Kysely, sql } from "kysely";

/** Enqueueing learns ordering keys, and what is to be done when a unique key is taken. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // takes_place: the job with this id waits under the same unique key, and this item takes its place.
  await sql`alter type duly.new_job add attribute ordering_key text, add attribute if_taken text,
    add attribute takes_place boolean`.execute(db);

  await sql`
    create function duly.check_keys(definition duly.job_types, jobs duly.new_job[]) returns void
    language plpgsql as $$
    declare
      job duly.new_job;
    begin
      foreach job in array jobs loop
        if length(job.ordering_key) not between 1 and 255 then
          raise exception 'duly: the ordering key of job % of type "%" has % characters', job.place, definition.type,
            length(job.ordering_key) using errcode = 'DU005', hint = 'Use 1 to 255 characters.';
        elsif job.if_taken <> all (array['keep', 'replace', 'reject']) then
          raise exception 'duly: if_taken of job % of type "%" cannot be "%"', job.place, definition.type, job.if_taken
            using errcode = 'DU005', hint = 'Say keep, replace or reject.';
        elsif job.if_taken is not null and job.unique_key is null then
          raise exception 'duly: job % of type "%" says if_taken but has no unique key', job.place, definition.type
            using errcode = 'DU005', hint = 'Give a unique_key, or leave if_taken out.';
        end if;
      end loop;
    end $$`.execute(db);

  await sql`
    create or replace function duly.skip_known_ids(jobs duly.new_job[]) returns duly.new_job[] language sql as $$
      select array_agg(row(w.place, w.explicit_id, w.id,
        case when w.explicit_id and (exists (select from duly.jobs j where j.id = w.id)
          or exists (select from duly.jobs_history h where h.id = w.id)) then null else w.payload end,
        w.run_at, w.priority, w.unique_key, w.expires_at, w.timeout_ms, w.correlation_id, w.causation_id,
        w.ordering_key, w.if_taken, w.takes_place)::duly.new_job order by w.place)
      from unnest(jobs) w
    $$`.execute(db);

  // Takes a unique key, or finds out who has it. To take its owner's place, the owner has to wait under a lock of ours:
  // one that runs, or whose effect is in doubt, stays.
  await sql`
    create function duly.take_unique_key(job_type text, wanted text, newcomer uuid, to_replace boolean,
      out owner uuid, out replaceable boolean) language plpgsql as $$
    declare
      found_state duly.job_state;
    begin
      loop
        insert into duly.unique_keys as taken (type, key, job_id) values (job_type, wanted, newcomer)
        on conflict do nothing returning taken.job_id into owner;
        exit when found;
        select u.job_id into owner from duly.unique_keys u where u.type = job_type and u.key = wanted;
        continue when not found;
        exit when not to_replace or owner = newcomer;
        select j.state into found_state from duly.jobs j where j.id = owner for no key update;
        if found and found_state not in ('completed', 'dead_lettered', 'cancelled') then
          replaceable := found_state <> 'running' and not exists (select from duly.intents i where i.job_id = owner
            and i.outcome in ('unknown', 'doubtful', 'answered', 'applied'));
          exit;
        end if;
        -- It ended while we waited for its lock, so the key is free by now.
        update duly.unique_keys u set job_id = newcomer
        where u.type = job_type and u.key = wanted and u.job_id = owner returning u.job_id into owner;
        exit when found;
      end loop;
    end $$`.execute(db);

  // Goes through the keys in their order, so that two callers cannot lock each other out. An item whose key is taken
  // gets the id of the job that has it, and keeps its payload only where it takes that job's place. Among the items of
  // one call with the same key, the job is that of the first and, with "replace", the payload that of the last.
  await sql`
    create or replace function duly.take_unique_keys(job_type text, jobs duly.new_job[]) returns duly.new_job[]
    language plpgsql as $$
    declare
      job duly.new_job;
      settled duly.new_job[] := '{}';
      owner uuid;
      replaceable boolean;
      key_at_hand text;
      ours uuid; -- the job of this call that has the key at hand
      bearer integer; -- the item whose payload stands for the key at hand
    begin
      -- Owners to be replaced are locked as consumers do it, in the order of their ids.
      perform from duly.jobs j where j.id in (
        select u.job_id from duly.unique_keys u, unnest(jobs) w
        where u.type = job_type and u.key = w.unique_key and w.if_taken = 'replace'
      ) order by j.id for no key update;

      for job in select * from unnest(jobs) as given order by given.unique_key, given.place loop
        if job.unique_key is not null and job.payload is not null then
          if job.unique_key is distinct from key_at_hand then
            key_at_hand := job.unique_key;
            ours := null;
            bearer := null;
          end if;
          owner := ours;
          replaceable := true;
          if ours is null then
            select t.owner, t.replaceable into owner, replaceable
            from duly.take_unique_key(job_type, job.unique_key, job.id, job.if_taken is not distinct from 'replace') t;
          end if;
          if owner = job.id then
            ours := job.id;
            bearer := cardinality(settled) + 1;
          elsif job.if_taken = 'reject' then
            raise exception 'duly: the unique key "%" of type "%" is taken by job %', job.unique_key, job_type,
              owner using errcode = 'DU006',
              hint = 'Wait until that job has ended, or cancel it; if_taken keep or replace would not mind it.';
          elsif job.if_taken = 'replace' and replaceable then
            if bearer is not null then
              settled[bearer].payload := null;
            end if;
            bearer := cardinality(settled) + 1;
            job.takes_place := ours is null;
          else
            job.payload := null; -- the first stays: nothing of this item is added
          end if;
          job.id := owner;
        end if;
        settled := settled || job;
      end loop;
      return settled;
    end $$`.execute(db);

  // A job whose place is taken becomes what the newcomer would have been, under its own id and number. Its next send
  // makes what is under way of it stale.
  await sql`
    create function duly.take_places(definition duly.job_types, jobs duly.new_job[], now timestamptz) returns void
    language plpgsql as $$
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

export async function down(db: Kysely<unknown>): Promise<void> {
  // Down always goes below the first migration. Functions that were only replaced are left to the one that made them.
  await sql`drop function duly.take_places(duly.job_types, duly.new_job[], timestamptz)`.execute(db);
  await sql`drop function duly.take_unique_key(text, text, uuid, boolean)`.execute(db);
  await sql`drop function duly.check_keys(duly.job_types, duly.new_job[])`.execute(db);
}
