import { type Kysely, sql } from "kysely";

/** What has still to reach the broker, and who sleeps until there is some. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // A lane is a priority of jobs, or the events, or the parked copies of letters: none waits behind another.
  await sql`create type duly.lane as enum ('critical', 'high', 'medium', 'low', 'batch', 'letter', 'event')`.execute(
    db,
  );

  // A row only points: its content is read from its job, letter or event when it is published. No status column: a row
  // that is here has to go out, a row that went out is deleted.
  await sql`
    create table duly.outbox (
      lane duly.lane not null,
      id bigint generated always as identity,
      ref uuid not null,
      send integer not null,
      delay_ms integer,
      not_before timestamptz,
      returns integer not null default 0,
      primary key (lane, id)
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`.execute(db);
  // The few rows that came back and wait: they stand below the relay's low-water mark by the time their wait is over.
  await sql`create index outbox_waiting on duly.outbox (lane, not_before) where not_before is not null`.execute(
    db,
  );

  // A loop of a relay or scheduler writes itself down before its last look and falls asleep only then; whoever adds
  // work notifies only a loop that sleeps, so that a busy system never takes NOTIFY's commit lock. Unlogged: after a
  // crash of the server they are all awake anyway.
  await sql`
    create unlogged table duly.sleepers (
      instance uuid not null,
      loop text not null,
      lanes duly.lane[] not null,
      sleeps_until timestamptz not null,
      since timestamptz not null,
      primary key (instance, loop)
    )`.execute(db);

  await sql`
    create function duly.wake_relay(lanes duly.lane[]) returns void language plpgsql as $$
    begin
      if exists (select from duly.sleepers s where s.lanes && wake_relay.lanes) then
        perform pg_notify('duly_relay', array_to_string(lanes, ','));
      end if;
    end $$`.execute(db);

  await sql`
    create function duly.wake_scheduler(due timestamptz) returns void language plpgsql as $$
    begin
      if exists (select from duly.sleepers s where s.loop = 'scheduler' and s.sleeps_until > due) then
        perform pg_notify('duly_scheduler', extract(epoch from due)::text);
      end if;
    end $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.wake_scheduler(timestamptz)`.execute(db);
  await sql`drop function duly.wake_relay(duly.lane[])`.execute(db);
  await sql`drop table duly.sleepers, duly.outbox`.execute(db);
  await sql`drop type duly.lane`.execute(db);
}
