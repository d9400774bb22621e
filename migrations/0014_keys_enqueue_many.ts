import { type Kysely, sql } from "kysely";

/** The one implementation of enqueueing, with ordering keys and taken unique keys. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function duly.enqueue_many(type text, jobs jsonb) returns setof uuid language plpgsql as $$
    declare
      definition duly.job_types;
      wanted duly.new_job[];
      first_due timestamptz;
      lanes duly.lane[];
      strange text;
      now constant timestamptz := duly.now();
      fields constant text[] := array['id', 'payload', 'run_at', 'priority', 'unique_key', 'if_taken', 'ordering_key',
        'expires_at', 'timeout_ms', 'correlation_id', 'causation_id'];
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
      where key <> all (fields) limit 1;
      if found then
        raise exception 'duly: a job of type "%" has no field "%"', type, strange using errcode = 'DU005',
          hint = 'Fields: ' || array_to_string(fields, ', ') || '.';
      end if;

      select array_agg(row(g.place, g.id is not null, coalesce(g.id, duly.new_id()), nullif(g.payload, 'null'::jsonb),
        g.run_at, coalesce(g.priority, definition.default_priority), g.unique_key, g.expires_at,
        coalesce(g.timeout_ms, definition.timeout_ms), g.correlation_id, g.causation_id, g.ordering_key, g.if_taken,
        false)::duly.new_job order by g.place)
      into wanted
      from rows from (jsonb_to_recordset(jobs) as (id uuid, payload jsonb, run_at timestamptz, priority duly.priority,
        unique_key text, expires_at timestamptz, timeout_ms integer, correlation_id uuid, causation_id uuid,
        ordering_key text, if_taken text))
        with ordinality as g(id, payload, run_at, priority, unique_key, expires_at, timeout_ms, correlation_id,
          causation_id, ordering_key, if_taken, place);
      if wanted is null then
        return;
      end if;

      perform duly.check_new_jobs(definition, wanted);
      perform duly.check_keys(definition, wanted);
      if exists (select from unnest(wanted) w where w.explicit_id) then
        wanted := duly.skip_known_ids(wanted);
      end if;
      if exists (select from unnest(wanted) w where w.unique_key is not null) then
        wanted := duly.take_unique_keys(type, wanted);
        if exists (select from unnest(wanted) w where w.takes_place) then
          perform duly.take_places(definition, wanted, now);
        end if;
      end if;

      -- Whoever has an ordering key waits for its turn: nobody can see here what others are about to commit.
      with added as (
        insert into duly.jobs (id, type, service, priority, state, payload, send, max_attempts, run_at, wake_at,
          unique_key, ordering_key, continues, expires_at, timeout_ms, correlation_id, causation_id, enqueued_at)
        select w.id, definition.type, definition.service, w.priority, first.state, w.payload,
          case when first.state = 'queued' then 1 else 0 end, definition.max_attempts, w.run_at, w.run_at,
          w.unique_key, w.ordering_key, definition.on_dead_letter = 'continue', w.expires_at, w.timeout_ms,
          coalesce(w.correlation_id, w.id), w.causation_id, now
        from unnest(wanted) w cross join lateral (select (case when w.run_at is not null then 'scheduled'
          when w.ordering_key is not null then 'blocked' else 'queued' end)::duly.job_state as state) first
        where w.payload is not null and not w.takes_place
        order by w.place
        on conflict (id) do nothing
        returning id, number, priority, state, expires_at
      ), outgoing as (
        insert into duly.outbox (lane, ref, send)
        select added.priority::text::duly.lane, added.id, 1 from added where added.state = 'queued'
        order by added.number
        returning lane
      ), expiring as (
        insert into duly.expiries (expires_at, job_id)
        select added.expires_at, added.id from added where added.expires_at is not null
      )
      select array_agg(distinct outgoing.lane) into lanes from outgoing;
      select min(w.run_at) into first_due from unnest(wanted) w where w.payload is not null;

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

  await sql`drop function duly.enqueue(text, jsonb, timestamptz, duly.priority, text, timestamptz, integer, uuid, uuid,
    uuid)`.execute(db);
  await sql`
    create function duly.enqueue(type text, payload jsonb, run_at timestamptz default null,
      priority duly.priority default null, unique_key text default null, expires_at timestamptz default null,
      timeout_ms integer default null, id uuid default null, correlation_id uuid default null,
      causation_id uuid default null, ordering_key text default null, if_taken text default null) returns uuid
    language sql as $$
      select duly.enqueue_many(type, jsonb_build_array(jsonb_build_object('payload', payload, 'run_at', run_at,
        'priority', priority, 'unique_key', unique_key, 'expires_at', expires_at, 'timeout_ms', timeout_ms, 'id', id,
        'correlation_id', correlation_id, 'causation_id', causation_id, 'ordering_key', ordering_key,
        'if_taken', if_taken)))
    $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.enqueue(text, jsonb, timestamptz, duly.priority, text, timestamptz, integer, uuid, uuid,
    uuid, text, text)`.execute(db);
  // As it was: the migration that made it drops it by these parameters.
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
