import { type Kysely, sql } from "kysely";

/** Lines: jobs of one ordering key, one at a time. And what is spelled in many places: send again, free a key, end. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table duly.job_types
      add column on_dead_letter text not null default 'hold' check (on_dead_letter in ('hold', 'continue'))`.execute(
    db,
  );

  // Two columns follow the state by themselves, so that no mover can forget them. They are empty for a job without an
  // ordering key, which is therefore still updated in place (HOT): an index over "state" itself would end that.
  await sql`
    alter table duly.jobs
      add column continues boolean not null default false,
      add column cancel_reason text,
      add column active_key text generated always as (
        case when state in ('queued', 'running', 'retrying', 'held') or state = 'dead_lettered' and not continues
          then ordering_key end) stored,
      add column line_at timestamptz generated always as (
        case when state = 'blocked' then coalesce(run_at, enqueued_at) end) stored`.execute(db);
  await sql`
    alter table duly.jobs_history
      add column continues boolean not null default false,
      add column cancel_reason text,
      add column active_key text,
      add column line_at timestamptz`.execute(db);
  await sql`create unique index jobs_active_key on duly.jobs (active_key) where active_key is not null`.execute(
    db,
  );
  await sql`create index jobs_line on duly.jobs (ordering_key, line_at, number) where line_at is not null`.execute(
    db,
  );

  // One row for each change after which a line may move on, written by the transaction that makes the change: a
  // promoter that takes it sees the change, so none is lost.
  await sql`
    create table duly.line_signals (
      priority duly.priority not null,
      id bigint generated always as identity,
      ordering_key text not null,
      primary key (priority, id)
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`.execute(db);

  await sql`
    create function duly.wake_promoter() returns void language plpgsql as $$
    begin
      if exists (select from duly.sleepers s where s.loop = 'promoter') then
        perform pg_notify('duly_promoter', '');
      end if;
    end $$`.execute(db);

  await sql`
    create function duly.signal_line() returns trigger language plpgsql as $$
    begin
      insert into duly.line_signals (priority, ordering_key) select new.priority, new.ordering_key
      where new.ordering_key is not null;
      if tg_op = 'UPDATE' and old.ordering_key is distinct from new.ordering_key then
        insert into duly.line_signals (priority, ordering_key) select old.priority, old.ordering_key
        where old.ordering_key is not null;
      end if;
      perform duly.wake_promoter();
      return null;
    end $$`.execute(db);
  await sql`
    create trigger line_joined after insert on duly.jobs for each row when (new.line_at is not null)
    execute function duly.signal_line()`.execute(db);
  // A job that stopped being the active one, one that joined the line, one that left it otherwise than by its turn.
  await sql`
    create trigger line_changed after update of state, continues on duly.jobs for each row when (
      old.active_key is not null and new.active_key is distinct from old.active_key
      or new.active_key is null and new.line_at is distinct from old.line_at)
    execute function duly.signal_line()`.execute(db);

  // Sends jobs whose rows the caller has locked: next send and outbox row come together, as the fence wants it. A keyed
  // job that is not the active one of its key joins its line instead. "fresh" begins its attempts anew.
  await sql`
    create function duly.send_again(ids uuid[], fresh boolean default false) returns integer
    language plpgsql as $$
    declare
      moved integer;
      lanes duly.lane[];
    begin
      with sent as (
        update duly.jobs j set
          state = (case when j.ordering_key is not null and j.state in ('scheduled', 'blocked', 'dead_lettered')
            then 'blocked' else 'queued' end)::duly.job_state,
          send = j.send + 1, holder = null, wake_at = null, waits_for = null, finished_at = null,
          attempt = case when fresh then 0 else j.attempt end, holds = case when fresh then 0 else j.holds end,
          cancel_requested = j.cancel_requested and not fresh,
          cancel_reason = case when not fresh then j.cancel_reason end
        from unnest(ids) with ordinality as w(id, place) where j.id = w.id
        returning j.id, j.send, j.priority, j.state, w.place
      ), outgoing as (
        insert into duly.outbox (lane, ref, send)
        select priority::text::duly.lane, id, send from sent where state = 'queued' order by priority, place
        returning lane
      )
      select (select count(*) from sent), (select array_agg(distinct lane) from outgoing) into moved, lanes;
      if lanes is not null then
        perform duly.wake_relay(lanes);
      end if;
      return moved;
    end $$`.execute(db);

  // Frees the unique keys that these jobs hold.
  await sql`
    create function duly.free_unique_keys(ids uuid[]) returns void language sql as $$
      delete from duly.unique_keys u using duly.jobs j
      where j.id = any (ids) and u.type = j.type and u.key = j.unique_key and u.job_id = j.id
    $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.free_unique_keys(uuid[])`.execute(db);
  await sql`drop function duly.send_again(uuid[], boolean)`.execute(db);
  await sql`drop trigger line_changed on duly.jobs`.execute(db);
  await sql`drop trigger line_joined on duly.jobs`.execute(db);
  await sql`drop function duly.signal_line()`.execute(db);
  await sql`drop function duly.wake_promoter()`.execute(db);
  await sql`drop table duly.line_signals`.execute(db);
  for (const table of ["jobs", "jobs_history"]) {
    await sql`alter table duly.${sql.id(table)} drop column line_at, drop column active_key, drop column cancel_reason,
      drop column continues`.execute(db);
  }
  await sql`alter table duly.job_types drop column on_dead_letter`.execute(db);
}
