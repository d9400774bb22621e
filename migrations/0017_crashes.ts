import { type Kysely, sql } from "kysely";

/** What is known of jobs that may kill their consumer, and how far each queue has been consumed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // How often a process died with the job in its hands; a process that left in good order does not count. Both tables,
  // because finished jobs move to the history with all their columns.
  await sql`alter table duly.jobs add column crashes integer not null default 0`.execute(db);
  await sql`alter table duly.jobs_history add column crashes integer not null default 0`.execute(db);

  // A job that runs alone on its queue, because processes died with it: noted before it starts, struck out when it has
  // ended. A row whose instance is silent says that the process died, and that nothing else of that queue ran in it.
  await sql`
    create table duly.lone_runs (
      job_id uuid primary key,
      queue text not null,
      instance uuid not null,
      deaths integer not null default 0,
      noted_at timestamptz not null
    )`.execute(db);
  await sql`create index lone_runs_queue on duly.lone_runs (queue)`.execute(db);

  // Up to where a queue has been consumed: the publish time of its youngest delivery, and since when it was seen empty.
  await sql`
    create table duly.queue_marks (
      queue text primary key,
      last_sent_at timestamptz,
      empty_since timestamptz,
      seen_at timestamptz not null
    ) with (fillfactor = 50)`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table duly.queue_marks, duly.lone_runs`.execute(db);
  await sql`alter table duly.jobs_history drop column crashes`.execute(db);
  await sql`alter table duly.jobs drop column crashes`.execute(db);
}
