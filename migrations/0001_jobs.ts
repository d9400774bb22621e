import { type Kysely, sql } from "kysely";

/** The jobs, what the engine knows of their types, and where finished ones go. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create schema duly`.execute(db);
  await sql`create type duly.priority as enum ('critical', 'high', 'medium', 'low', 'batch')`.execute(db);
  await sql`create type duly.job_state as enum ('scheduled', 'blocked', 'queued', 'running', 'completed', 'retrying',
    'held', 'dead_lettered', 'cancelled')`.execute(db);

  // The engine's only clock. Tests move it with "set duly.clock_offset = '5 s'". Declared stable, though it runs on
  // within a statement, so that an index on a due time can be used against it.
  await sql`
    create function duly.now() returns timestamptz language sql stable as $$
      select clock_timestamp() + coalesce(nullif(current_setting('duly.clock_offset', true), '')::interval, '0')
    $$`.execute(db);

  // UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, so that ids ascend and their time finds their partition.
  await sql`
    create function duly.new_id() returns uuid language plpgsql volatile as $$
    begin
      return encode(
        set_bit(set_bit(
          overlay(uuid_send(gen_random_uuid())
            placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
          52, 1), 53, 1), 'hex')::uuid;
    end $$`.execute(db);

  // The smallest id of an instant: the bound of a partition.
  await sql`
    create function duly.first_id_at(instant timestamptz) returns uuid language sql immutable as $$
      select rpad(lpad(to_hex((extract(epoch from instant) * 1000)::bigint), 12, '0'), 32, '0')::uuid
    $$`.execute(db);

  await sql`
    create table duly.job_types (
      type text primary key check (length(type) <= 100),
      service text not null check (service ~ '^[a-z][a-z0-9-]*$'),
      priorities duly.priority[] not null,
      default_priority duly.priority not null,
      max_attempts integer not null check (max_attempts > 0),
      backoff_ms integer[] not null,
      timeout_ms integer not null check (timeout_ms > 0),
      max_payload_bytes integer not null,
      registered_at timestamptz not null default duly.now()
    )`.execute(db);

  // No index holds "state", not even in a predicate: a job that needs no due time is then updated in place (HOT).
  await sql`
    create table duly.jobs (
      id uuid primary key,
      number bigint generated always as identity,
      type text not null,
      service text not null,
      priority duly.priority not null,
      state duly.job_state not null,
      payload jsonb not null,
      send integer not null default 0,
      claim integer not null default 0,
      attempt integer not null default 0,
      max_attempts integer not null,
      holds integer not null default 0,
      holder uuid,
      run_at timestamptz,
      wake_at timestamptz,
      retry_at timestamptz,
      waits_for text,
      unique_key text,
      ordering_key text,
      expires_at timestamptz,
      timeout_ms integer not null,
      cancel_requested boolean not null default false,
      correlation_id uuid not null,
      causation_id uuid,
      progress jsonb,
      result jsonb,
      last_error jsonb,
      enqueued_at timestamptz not null,
      claimed_at timestamptz,
      started_at timestamptz,
      finished_at timestamptz
    ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)`.execute(db);
  await sql`create index jobs_wake on duly.jobs (priority, wake_at, number) where wake_at is not null`.execute(
    db,
  );
  await sql`create index jobs_held_by on duly.jobs (holder) where holder is not null`.execute(db);

  // Unique among unfinished jobs: a partitioned history cannot carry that, a table of its own can.
  await sql`
    create table duly.unique_keys (
      type text not null,
      key text not null check (length(key) between 1 and 255),
      job_id uuid not null,
      primary key (type, key)
    )`.execute(db);

  await sql`
    create table duly.expiries (
      expires_at timestamptz not null,
      job_id uuid not null,
      primary key (expires_at, job_id)
    )`.execute(db);

  await sql`
    create table duly.jobs_history (like duly.jobs, primary key (id)) partition by range (id)`.execute(db);
  await sql`create table duly.jobs_history_default partition of duly.jobs_history default`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop schema duly cascade`.execute(db);
}
