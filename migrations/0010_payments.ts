import { type Kysely, sql } from "kysely";

/** The payments service's own data: who pays, in which tokens, what is to be paid, and what went to the chain. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create schema payments`.execute(db);

  await sql`
    create table payments.users (
      id text primary key,
      name text not null,
      wallet_index integer not null unique check (wallet_index > 0),
      address text not null unique
    )`.execute(db);

  await sql`
    create table payments.tokens (
      symbol text primary key,
      address text not null,
      decimals smallint not null check (decimals between 0 and 36),
      usd_rate numeric not null check (usd_rate >= 0)
    )`.execute(db);

  // amount counts the token's minor units. scheduled_for_given is what the person wrote, in one spelling: a relative
  // time means another instant in every run, and the same line must stay the same payment.
  await sql`
    create table payments.payments (
      id uuid primary key default gen_random_uuid(),
      reference text not null unique,
      payer text not null references payments.users,
      recipient text not null,
      amount numeric(78,0) not null check (amount > 0),
      currency text not null references payments.tokens,
      method text not null,
      urgent boolean not null,
      scheduled_for timestamptz not null,
      scheduled_for_given text not null,
      state text not null default 'scheduled' check (state in ('scheduled', 'completed', 'failed')),
      job_id uuid,
      transaction_hash text,
      failure_reason text,
      created_at timestamptz not null default now(),
      completed_at timestamptz,
      failed_at timestamptz
    ) with (fillfactor = 85)`.execute(db);

  // Written before the bytes leave the house. What each state means stands in services/payments/tables.ts.
  await sql`
    create table payments.transfers (
      hash text primary key,
      intent_key text not null,
      payment_id uuid not null references payments.payments,
      job_id uuid not null,
      payer text not null,
      nonce bigint not null check (nonce >= 0),
      raw text not null,
      state text not null default 'signed' check (state in ('signed', 'confirmed', 'reverted', 'refused', 'superseded')),
      note text,
      created_at timestamptz not null default now(),
      changed_at timestamptz not null default now()
    )`.execute(db);

  // The two guards that no bug above them can pass: one transfer that may still move money per payment, and one per
  // nonce of a wallet.
  await sql`create unique index transfers_one_live_per_payment on payments.transfers (payment_id)
    where state in ('signed', 'confirmed')`.execute(db);
  await sql`create unique index transfers_one_live_per_nonce on payments.transfers (payer, nonce)
    where state in ('signed', 'confirmed')`.execute(db);

  await sql`
    create table payments.void_intents (
      intent_key text primary key,
      created_at timestamptz not null default now()
    )`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop schema payments cascade`.execute(db);
}
