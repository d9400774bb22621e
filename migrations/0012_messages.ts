import { type Kysely, sql } from "kysely";

/** The chat messages that were asked for, and what became of each. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create schema messages`.execute(db);
  await sql`
    create table messages.messages (
      id uuid primary key,
      conversation_id text not null,
      recipient_phone text not null,
      body text not null,
      state text not null default 'pending' check (state in ('pending', 'sent', 'failed')),
      provider_message_id text,
      failure text,
      job_id uuid not null,
      created_at timestamptz not null default duly.now(),
      sent_at timestamptz
    )`.execute(db);
  await sql`create index messages_of_conversation on messages.messages (conversation_id, created_at)`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop schema messages cascade`.execute(db);
}
