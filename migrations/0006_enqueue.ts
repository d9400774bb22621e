import { type Kysely, sql } from "kysely";

/** The one implementation of enqueueing; every language and the TypeScript door call it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create type duly.new_job as (
      place bigint, explicit_id boolean, id uuid, payload jsonb, run_at timestamptz, priority duly.priority,
      unique_key text, expires_at timestamptz, timeout_ms integer, correlation_id uuid, causation_id uuid
    )`.execute(db);

  // Each fault is the caller's, inside the caller's transaction, with the item's place and a hint.
  await sql`
    create function duly.check_new_jobs(definition duly.job_types, jobs duly.new_job[]) returns void
    language plpgsql as $$
    declare
      job duly.new_job;
    begin
      foreach job in array jobs loop
        if job.payload is null then
          raise exception 'duly: job % of type "%" has no payload', job.place, definition.type
            using errcode = 'DU004', hint = 'Give a JSON value; use {} where there is nothing to say.';
        elsif octet_length(job.payload::text) > definition.max_payload_bytes then
          raise exception 'duly: the payload of job % of type "%" has % bytes, % are allowed', job.place,
            definition.type, octet_length(job.payload::text), definition.max_payload_bytes
            using errcode = 'DU003', hint = 'Store the data in a table and let the payload name its row.';
        elsif not job.priority = any (definition.priorities) then
          raise exception 'duly: jobs of type "%" may not have priority %', definition.type, job.priority
            using errcode = 'DU002', hint = 'Allowed: ' || array_to_string(definition.priorities, ', ') || '.';
        elsif job.timeout_ms not between 1 and 1500000 then
          raise exception 'duly: timeout_ms of job % must be from 1 to 1500000, not %', job.place, job.timeout_ms
            using errcode = 'DU005',
              hint = 'It counts milliseconds; RabbitMQ takes a delivery back that is unacked for 30 minutes.';
        elsif length(job.unique_key) not between 1 and 255 then
          raise exception 'duly: the unique key of job % has % characters', job.place, length(job.unique_key)
            using errcode = 'DU005', hint = 'Use 1 to 255 characters.';
        elsif not isfinite(job.run_at) or not isfinite(job.expires_at) then
          raise exception 'duly: run_at and expires_at of job % must be instants, not infinity', job.place
            using errcode = 'DU005', hint = 'Leave out what is not meant: no run_at is now, no expires_at is never.';
        elsif job.expires_at <= job.run_at then
          raise exception 'duly: job % would expire at %, before it is due at %', job.place, job.expires_at, job.run_at
            using errcode = 'DU005', hint = 'Give an expires_at after run_at.';
        end if;
      end loop;
    end $$`.execute(db);

  // An id of the caller's making that is known already, finished or not, is not added again: a late duplicate of an
  // event makes no second job.
  await sql`
    create function duly.skip_known_ids(jobs duly.new_job[]) returns duly.new_job[] language sql as $$
      select array_agg(row(w.place, w.explicit_id, w.id,
        case when w.explicit_id and (exists (select from duly.jobs j where j.id = w.id)
          or exists (select from duly.jobs_history h where h.id = w.id)) then null else w.payload end,
        w.run_at, w.priority, w.unique_key, w.expires_at, w.timeout_ms, w.correlation_id, w.causation_id)::duly.new_job
        order by w.place)
      from unnest(jobs) w
    $$`.execute(db);

  // Takes the unique keys that are free, in the order of the keys so that two callers cannot lock each other out, and
  // gives every other item the id of the unfinished job that has its key.
  await sql`
    create function duly.take_unique_keys(job_type text, jobs duly.new_job[]) returns duly.new_job[]
    language plpgsql as $$
    declare
      job duly.new_job;
      settled duly.new_job[] := '{}';
      owner uuid;
    begin
      for job in select * from unnest(jobs) as given order by given.unique_key, given.place loop
        while job.unique_key is not null and job.payload is not null loop
          insert into duly.unique_keys as taken (type, key, job_id) values (job_type, job.unique_key, job.id)
          on conflict do nothing returning taken.job_id into owner;
          exit when found;
          select u.job_id into owner from duly.unique_keys u where u.type = job_type and u.key = job.unique_key;
          if found then
            if owner <> job.id then
              job.id := owner;
              job.payload := null; -- the first stays: nothing of this item is added
            end if;
            exit;
          end if;
        end loop;
        settled := settled || job;
      end loop;
      return settled;
    end $$`.execute(db);

  await sql`
    create function duly.enqueue_many(type text, jobs jsonb) returns setof uuid language plpgsql as $$
    declare
      definition duly.job_types;
      wanted duly.new_job[];
      first_due timestamptz;
      lanes duly.lane[];
      strange text;
      now constant timestamptz := duly.now();
    begin
      select t.* into definition from duly.job_types t where t.type = enqueue_many.type;
      if not found then
        raise exception 'duly: unknown job type "%"', type using errcode = 'DU001',
          hint = 'A type is known once a service that handles it has started; check the name, or start that service.';
      end if;

      if jsonb_typeof(jobs) <> 'array' then
        raise exception 'duly: the jobs of type "%" must be a JSON array of objects', type using errcode = 'DU005',
          hint = 'For one job use duly.enqueue(type, payload, …).';
      end if;
      -- A misspelt "runAt" would otherwise mean "now".
      select key into strange from jsonb_array_elements(jobs) as job, jsonb_object_keys(job) as key
      where key <> all (array['id', 'payload', 'run_at', 'priority', 'unique_key', 'expires_at', 'timeout_ms',
        'correlation_id', 'causation_id']) limit 1;
      if found then
        raise exception 'duly: a job of type "%" has no field "%"', type, strange using errcode = 'DU005',
          hint = 'Fields: id, payload, run_at, priority, unique_key, expires_at, timeout_ms, correlation_id, causation_id.';
      end if;

      select array_agg(row(g.place, g.id is not null, coalesce(g.id, duly.new_id()), nullif(g.payload, 'null'::jsonb),
        g.run_at, coalesce(g.priority, definition.default_priority), g.unique_key, g.expires_at,
        coalesce(g.timeout_ms, definition.timeout_ms), g.correlation_id, g.causation_id)::duly.new_job order by g.place)
      into wanted
      from rows from (jsonb_to_recordset(jobs) as (id uuid, payload jsonb, run_at timestamptz, priority duly.priority,
        unique_key text, expires_at timestamptz, timeout_ms integer, correlation_id uuid, causation_id uuid))
        with ordinality as g(id, payload, run_at, priority, unique_key, expires_at, timeout_ms, correlation_id,
          causation_id, place);
      if wanted is null then
        return;
      end if;

      perform duly.check_new_jobs(definition, wanted);
      if exists (select from unnest(wanted) w where w.explicit_id) then
        wanted := duly.skip_known_ids(wanted);
      end if;
      if exists (select from unnest(wanted) w where w.unique_key is not null) then
        wanted := duly.take_unique_keys(type, wanted);
      end if;

      with added as (
        insert into duly.jobs (id, type, service, priority, state, payload, send, max_attempts, run_at, wake_at,
          unique_key, expires_at, timeout_ms, correlation_id, causation_id, enqueued_at)
        select w.id, definition.type, definition.service, w.priority,
          (case when w.run_at is null then 'queued' else 'scheduled' end)::duly.job_state, w.payload,
          case when w.run_at is null then 1 else 0 end, definition.max_attempts, w.run_at, w.run_at, w.unique_key,
          w.expires_at, w.timeout_ms, coalesce(w.correlation_id, w.id), w.causation_id, now
        from unnest(wanted) w
        where w.payload is not null
        order by w.place
        on conflict (id) do nothing
        returning id, number, priority, run_at, expires_at
      ), outgoing as (
        insert into duly.outbox (lane, ref, send)
        select added.priority::text::duly.lane, added.id, 1 from added where added.run_at is null order by added.number
        returning lane
      ), expiring as (
        insert into duly.expiries (expires_at, job_id)
        select added.expires_at, added.id from added where added.expires_at is not null
      )
      select min(added.run_at), (select array_agg(distinct outgoing.lane) from outgoing) into first_due, lanes from added;

      -- A key taken for an item that was not added after all (its id was given twice) is given back.
      delete from duly.unique_keys u using unnest(wanted) w
      where w.unique_key is not null and w.explicit_id and u.type = definition.type and u.key = w.unique_key
        and u.job_id = w.id
        and not exists (select from duly.jobs j where j.id = w.id and j.unique_key is not distinct from w.unique_key);

      if lanes is not null then
        perform duly.wake_relay(lanes);
      end if;
      if first_due is not null then
        perform duly.wake_scheduler(first_due);
      end if;
      return query select w.id from unnest(wanted) w order by w.place;
    end $$`.execute(db);

  await sql`
    create function duly.enqueue(type text, payload jsonb, run_at timestamptz default null,
      priority duly.priority default null, unique_key text default null, expires_at timestamptz default null,
      timeout_ms integer default null, id uuid default null, correlation_id uuid default null,
      causation_id uuid default null) returns uuid language sql as $$
      select duly.enqueue_many(type, jsonb_build_array(jsonb_build_object('payload', payload, 'run_at', run_at,
        'priority', priority, 'unique_key', unique_key, 'expires_at', expires_at, 'timeout_ms', timeout_ms, 'id', id,
        'correlation_id', correlation_id, 'causation_id', causation_id)))
    $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.enqueue(text, jsonb, timestamptz, duly.priority, text, timestamptz, integer, uuid, uuid,
    uuid)`.execute(db);
  await sql`drop function duly.enqueue_many(text, jsonb)`.execute(db);
  await sql`drop function duly.skip_known_ids(duly.new_job[])`.execute(db);
  await sql`drop function duly.take_unique_keys(text, duly.new_job[])`.execute(db);
  await sql`drop function duly.check_new_jobs(duly.job_types, duly.new_job[])`.execute(db);
  await sql`drop type duly.new_job`.execute(db);
}
