import { type Kysely, sql } from "kysely";

/** Whom notifications may mail, and the one-time codes that it mails. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create schema notifications`.execute(db);
  await sql`
    create table notifications.contacts (
      user_id text primary key,
      name text not null,
      email text not null
    )`.execute(db);

  // The code stands here encrypted, and nowhere else: neither payloads nor results nor logs carry it.
  await sql`
    create table notifications.otp_challenges (
      id uuid primary key,
      email text not null,
      code_ciphertext bytea not null,
      expires_at timestamptz not null,
      created_at timestamptz not null default duly.now(),
      sent_at timestamptz,
      job_id uuid not null
    )`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop schema notifications cascade`.execute(db);
}
