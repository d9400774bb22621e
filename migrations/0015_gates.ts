import { type Kysely, sql } from "kysely";

/** Gates: what jobs may have to wait at before they run, shared by all processes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create type duly.gate_kind as enum ('breaker', 'limit', 'pause')`.execute(db);
  // clear: jobs pass · shut: they are held · probing: one of them finds out whether the rest may pass · releasing: they
  // pass, and those held are sent on a ramp. A breaker that is open is a gate that is shut.
  await sql`create type duly.gate_state as enum ('clear', 'shut', 'probing', 'releasing')`.execute(db);
  await sql`
    create table duly.gates (
      name text primary key,
      kind duly.gate_kind not null,
      state duly.gate_state not null,
      reason text,
      since timestamptz not null,
      until timestamptz,
      probe uuid,
      probe_after_ms integer,
      ramp integer not null default 1,
      count integer check (count > 0),
      per_ms integer check (per_ms > 0),
      tokens double precision,
      filled_at timestamptz
    ) with (fillfactor = 50)`.execute(db);

  // The tokens of a rate limit by now: a bucket that holds a tenth of the count and fills so slowly that the two
  // together never give more than the count within the time.
  await sql`
    create function duly.tokens_of(gate duly.gates) returns double precision language sql stable as $$
      select least(burst, gate.tokens + extract(epoch from duly.now() - gate.filled_at) * 1000
        * (gate.count - burst + 1) / gate.per_ms)
      from greatest(1, gate.count / 10) as burst
    $$`.execute(db);

  // Gates change rarely: whoever waits for it may be told of each change.
  await sql`
    create function duly.tell_gate() returns trigger language plpgsql as $$
    begin
      perform pg_notify('duly_gates', coalesce(new.name, old.name));
      return null;
    end $$`.execute(db);
  await sql`
    create trigger gates_added after insert on duly.gates for each row
      when (new.state <> 'clear') execute function duly.tell_gate()`.execute(db);
  await sql`
    create trigger gates_changed after update of state on duly.gates for each row
      when (old.state <> new.state) execute function duly.tell_gate()`.execute(db);
  await sql`
    create trigger gates_gone after delete on duly.gates for each row
      when (old.state <> 'releasing') execute function duly.tell_gate()`.execute(db);

  // The send that has its token already: the scheduler took it when it released the job.
  await sql`alter table duly.jobs add column pass integer`.execute(db);
  await sql`alter table duly.jobs_history add column pass integer`.execute(db);
  await sql`
    create index jobs_waiting on duly.jobs (waits_for, priority, number) where waits_for is not null`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index duly.jobs_waiting`.execute(db);
  await sql`alter table duly.jobs_history drop column pass`.execute(db);
  await sql`alter table duly.jobs drop column pass`.execute(db);
  await sql`drop table duly.gates cascade`.execute(db);
  await sql`drop function duly.tell_gate()`.execute(db);
  await sql`drop type duly.gate_state, duly.gate_kind`.execute(db);
}
