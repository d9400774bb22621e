import { type Kysely, sql } from "kysely";

/** The outcomes of payments as reports knows them from events, and the reports that were written. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create schema reports`.execute(db);
  await sql`
    create table reports.transactions (
      event_id uuid primary key,
      payment_id uuid not null,
      reference text not null,
      payer text not null,
      recipient text not null,
      amount numeric not null,
      currency text not null,
      outcome text not null check (outcome in ('completed', 'failed')),
      transaction_hash text,
      reason text,
      happened_at timestamptz not null
    )`.execute(db);

  // The order of a report, so that its rows stream from the first one on and are never sorted.
  await sql`create index transactions_in_order on reports.transactions (happened_at, event_id)`.execute(db);

  await sql`
    create table reports.reports (
      job_id uuid primary key,
      path text not null,
      row_count bigint not null,
      period_from timestamptz not null,
      period_until timestamptz not null,
      created_at timestamptz not null default duly.now()
    )`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop schema reports cascade`.execute(db);
}
