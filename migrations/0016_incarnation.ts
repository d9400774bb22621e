import { type Kysely, sql } from "kysely";

/** Which broker the sends stand on, what follows when its data is gone, and what was repaired. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // One row. The broker holds a marker named after the id; where the marker is missing, so is everything that was sent.
  // "marked" goes before anything is published: an incarnation that nobody has marked yet holds no message.
  await sql`
    create table duly.broker_incarnation (
      one_row boolean primary key default true check (one_row),
      id uuid not null,
      marked boolean not null,
      since timestamptz not null
    )`.execute(db);
  await sql`insert into duly.broker_incarnation (id, marked, since) values (gen_random_uuid(), false, duly.now())`.execute(
    db,
  );

  // Events that are to go out again, and how far that has come: those with ids from "above" to below "until".
  await sql`
    create table duly.event_resends (
      id bigint generated always as identity primary key,
      type text,
      above uuid not null,
      until uuid not null,
      sent bigint not null default 0,
      reason text not null,
      asked_at timestamptz not null,
      done_at timestamptz
    )`.execute(db);

  await sql`
    create table duly.repairs (
      id bigint generated always as identity primary key,
      kind text not null,
      jobs bigint not null,
      detail jsonb not null,
      made_at timestamptz not null
    )`.execute(db);
  await sql`create index repairs_made on duly.repairs (made_at)`.execute(db);

  // Jobs that the broker should have, and since when that is known: all were published before "seen_at". Unlogged: after
  // a crash of the server the suspicion begins anew.
  await sql`
    create unlogged table duly.suspects (
      job_id uuid primary key,
      send integer not null,
      queue text not null,
      overdue boolean not null,
      seen_at timestamptz not null,
      passed_at timestamptz
    )`.execute(db);

  // Everything that only the lost broker had goes out again, whatever the outbox holds: a row that is there may be
  // about to be deleted over the old broker's word. Rows by id, like all who lock several jobs. Running jobs are left
  // to their holders, and to the sweep.
  await sql`
    create function duly.begin_incarnation() returns jsonb language plpgsql as $$
    declare
      report jsonb;
      copies bigint;
      next_wake timestamptz;
    begin
      with lost as materialized (
        select j.id from duly.jobs j
        where j.state = 'queued' or (j.state = 'retrying' and j.wake_at is null)
        order by j.id for no key update
      ), moved as (
        update duly.jobs j set send = send + 1,
          wake_at = case when j.state = 'retrying' then coalesce(j.retry_at, duly.now()) end
        from lost where j.id = lost.id
        returning j.id, j.number, j.send, j.priority, j.state, j.wake_at
      ), outgoing as (
        insert into duly.outbox (lane, ref, send)
        select priority::text::duly.lane, id, send from moved where state = 'queued' order by number
      )
      select jsonb_build_object('queued', count(*) filter (where state = 'queued'),
        'retrying', count(*) filter (where state = 'retrying')), min(wake_at)
      into report, next_wake from moved;

      with counted as (
        update duly.dead_letters set copy = copy + 1 where closed_at is null returning id
      )
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from counted order by id;
      get diagnostics copies = row_count;

      insert into duly.event_resends (above, until, reason, asked_at)
      values (duly.first_id_at(clock_timestamp() - interval '7 days'),
        duly.first_id_at(clock_timestamp() + interval '1 s'), 'new incarnation', duly.now());

      update duly.broker_incarnation set id = gen_random_uuid(), marked = false, since = duly.now()
      returning report || jsonb_build_object('letters', copies, 'incarnation', id) into report;
      insert into duly.repairs (kind, jobs, detail, made_at) values ('new incarnation',
        (report ->> 'queued')::bigint + (report ->> 'retrying')::bigint, report, duly.now());
      perform duly.wake_relay(enum_range(null::duly.lane));
      if next_wake is not null then
        perform duly.wake_scheduler(next_wake);
      end if;
      return report;
    end $$`.execute(db);

  // The next page of what is to be told again, as long as few events wait; 0 when there is nothing to do for now.
  await sql`
    create function duly.resend_events(page integer) returns integer language plpgsql as $$
    declare
      wanted duly.event_resends;
      last uuid;
      found_events integer;
    begin
      if (select count(*) from (select from duly.outbox where lane = 'event' limit 5 * page) waiting) >= 5 * page then
        return 0;
      end if;
      select r.* into wanted from duly.event_resends r where r.done_at is null order by r.id limit 1
      for update skip locked;
      if not found then
        return 0;
      end if;
      with told as (
        select e.id from duly.events e
        where e.id > wanted.above and e.id < wanted.until and (wanted.type is null or e.type = wanted.type)
        order by e.id limit page
      ), outgoing as (
        insert into duly.outbox (lane, ref, send) select 'event', id, 1 from told order by id
      )
      select count(*), (select t.id from told t order by t.id desc limit 1) into found_events, last from told;
      update duly.event_resends set above = coalesce(last, above), sent = sent + found_events,
        done_at = case when found_events < page then duly.now() end
      where id = wanted.id;
      if found_events > 0 then
        perform duly.wake_relay('{event}');
      end if;
      if found_events < page then
        insert into duly.repairs (kind, jobs, detail, made_at) values ('events told again', 0,
          jsonb_build_object('events', wanted.sent + found_events, 'type', wanted.type, 'reason', wanted.reason),
          duly.now());
      end if;
      return found_events;
    end $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.resend_events(integer)`.execute(db);
  await sql`drop function duly.begin_incarnation()`.execute(db);
  await sql`drop table duly.suspects, duly.repairs, duly.event_resends, duly.broker_incarnation`.execute(db);
}
