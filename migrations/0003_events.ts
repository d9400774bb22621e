import { type Kysely, sql } from "kysely";

/** The append-only log of facts, by day, and the subscriptions that the relay binds queues for. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table duly.events (
      id uuid primary key,
      type text not null check (octet_length(type) <= 200),
      subject text,
      data jsonb not null,
      correlation_id uuid not null,
      causation_id uuid,
      occurred_at timestamptz not null
    ) partition by range (id)`.execute(db);
  await sql`create table duly.events_default partition of duly.events default`.execute(db);

  await sql`
    create table duly.subscriptions (
      service text not null check (service ~ '^[a-z][a-z0-9-]*$'),
      event_type text not null,
      primary key (service, event_type)
    )`.execute(db);

  await sql`
    create function duly.emit(type text, data jsonb, subject text default null, correlation_id uuid default null,
      causation_id uuid default null) returns uuid language plpgsql as $$
    declare
      event_id uuid := duly.new_id();
    begin
      if octet_length(type) > 200 then
        raise exception 'duly: the event type "%" has % bytes, 200 are allowed', left(type, 50), octet_length(type)
          using errcode = 'DU005', hint = 'Use dotted words, like payment.completed.v1.';
      elsif octet_length(data::text) > 1048576 then
        raise exception 'duly: the data of event "%" has % bytes, 1048576 are allowed', type, octet_length(data::text)
          using errcode = 'DU003', hint = 'Publish what happened and where the details are.';
      end if;
      insert into duly.events (id, type, subject, data, correlation_id, causation_id, occurred_at)
      values (event_id, emit.type, emit.subject, emit.data, coalesce(emit.correlation_id, event_id), emit.causation_id,
        duly.now());
      insert into duly.outbox (lane, ref, send) values ('event', event_id, 1);
      perform duly.wake_relay('{event}');
      return event_id;
    end $$`.execute(db);

  // Makes one partition and moves into it what the default one holds of its time: rows that came while no scheduler
  // ran, or with an id of the caller's making.
  await sql`
    create function duly.make_partition(parent text, suffix text, first uuid, beyond uuid) returns void
    language plpgsql as $$
    declare
      name text := parent || '_' || suffix;
    begin
      if to_regclass('duly.' || name) is not null then
        return;
      end if;
      execute format('create table duly.%I (like duly.%I including all)', name, parent);
      execute format('with moved as (delete from duly.%I where id >= %L and id < %L returning *)
        insert into duly.%I select * from moved', parent || '_default', first, beyond, name);
      execute format('alter table duly.%I attach partition duly.%I for values from (%L) to (%L)', parent, name, first,
        beyond);
    end $$`.execute(db);

  // Both take strong locks, behind which every emit would wait: they give up soon and come again.
  // Partitions ahead of time: months of finished jobs, days of events, both of UTC. Called by the scheduler; harmless
  // when called by several at once.
  await sql`
    create function duly.make_partitions() returns void language plpgsql
    set timezone = 'UTC' set lock_timeout = '500ms' as $$
    declare
      first timestamptz;
    begin
      perform pg_advisory_xact_lock(hashtext('duly.make_partitions'));
      for first in select generate_series(date_trunc('month', duly.now()), duly.now() + interval '2 months',
        interval '1 month') loop
        perform duly.make_partition('jobs_history', to_char(first, 'YYYY_MM'), duly.first_id_at(first),
          duly.first_id_at(first + interval '1 month'));
      end loop;
      for first in select generate_series(date_trunc('day', duly.now()), duly.now() + interval '3 days',
        interval '1 day') loop
        perform duly.make_partition('events', to_char(first, 'YYYY_MM_DD'), duly.first_id_at(first),
          duly.first_id_at(first + interval '1 day'));
      end loop;
    end $$`.execute(db);
  await sql`select duly.make_partitions()`.execute(db);

  // Events are kept for 7 days, by dropping whole days.
  await sql`
    create function duly.drop_old_events() returns integer language plpgsql
    set timezone = 'UTC' set lock_timeout = '500ms' as $$
    declare
      old text;
      dropped integer := 0;
    begin
      perform pg_advisory_xact_lock(hashtext('duly.make_partitions'));
      for old in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'duly.events'::regclass and c.relname ~ '^events_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
          and c.relname < 'events_' || to_char(duly.now() - interval '7 days', 'YYYY_MM_DD')
      loop
        execute format('drop table duly.%I', old);
        dropped := dropped + 1;
      end loop;
      delete from duly.events_default where id < duly.first_id_at(duly.now() - interval '7 days');
      return dropped;
    end $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.drop_old_events()`.execute(db);
  await sql`drop function duly.make_partitions()`.execute(db);
  await sql`drop function duly.make_partition(text, text, uuid, uuid)`.execute(db);
  await sql`drop function duly.emit(text, jsonb, text, uuid, uuid)`.execute(db);
  await sql`drop table duly.subscriptions, duly.events`.execute(db);
}
