import { type Kysely, sql } from "kysely";

/** Who is at work, and the keys of the outside effects under way. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // One row per consumer process, rewritten every few seconds; its hand holds every delivery not yet settled.
  await sql`
    create table duly.consumers (
      instance uuid primary key,
      service text not null,
      host text not null,
      pid integer not null,
      started_at timestamptz not null,
      seen_at timestamptz not null,
      in_hand uuid[] not null
    ) with (fillfactor = 50)`.execute(db);

  // unsent: the request certainly never left · unknown: it may have had its effect · doubtful: the same, and that run is
  // not yet counted as an attempt · answered: the same, but nothing is on its way any more · refused: it certainly had
  // none · applied: it had. A crash leaves "unknown", which is what is written before the call.
  await sql`create type duly.intent_outcome as enum ('unsent', 'unknown', 'doubtful', 'answered', 'refused', 'applied')`.execute(
    db,
  );
  await sql`
    create table duly.intents (
      job_id uuid not null,
      number integer not null,
      outcome duly.intent_outcome not null,
      made_at timestamptz not null,
      receipt bytea,
      primary key (job_id, number)
    ) with (fillfactor = 80)`.execute(db);

  // Moves one page of finished jobs into the history, walking up the ids: no index on states is needed for it.
  await sql`
    create function duly.archive_finished(above uuid, keep interval, page integer,
      out last uuid, out seen integer, out moved integer) language plpgsql as $$
    begin
      with walked as materialized (
        select id, state, finished_at from duly.jobs where id > above order by id limit page
      ), gone as (
        delete from duly.jobs j using walked w
        where j.id = w.id and w.state in ('completed', 'cancelled') and w.finished_at < duly.now() - keep
        returning j.*
      ), kept as (
        insert into duly.jobs_history select * from gone on conflict do nothing
      ), forgotten as (
        delete from duly.intents i using gone where i.job_id = gone.id
      )
      select (select max(id::text)::uuid from walked), (select count(*) from walked), (select count(*) from gone)
      into last, seen, moved;
    end $$`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function duly.archive_finished(uuid, interval, integer)`.execute(db);
  await sql`drop table duly.intents, duly.consumers`.execute(db);
  await sql`drop type duly.intent_outcome`.execute(db);
}
