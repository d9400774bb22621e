import { type Kysely, sql } from "kysely";

/** What could not be done and waits for people; the broker holds a parked copy of each open letter. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table duly.dead_letters (
      id uuid primary key,
      job_id uuid,
      service text not null,
      type text,
      priority duly.priority,
      reason text not null,
      error jsonb,
      payload jsonb,
      body bytea,
      headers jsonb,
      attempts integer not null default 0,
      copy integer not null default 1,
      created_at timestamptz not null,
      closed_at timestamptz
    )`.execute(db);
  await sql`create index dead_letters_job on duly.dead_letters (job_id) where job_id is not null`.execute(db);
  await sql`create index dead_letters_open on duly.dead_letters (service, id) where closed_at is null`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table duly.dead_letters`.execute(db);
}
