import { type Kysely, sql } from "kysely";

/** Payments by card: who has which card, what was asked of the card processor, what it declined, and the books. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table payments.currencies (
      code text primary key check (code ~ '^[A-Z]{3}$'),
      exponent smallint not null check (exponent between 0 and 4),
      usd_rate numeric not null check (usd_rate >= 0)
    )`.execute(db);

  await sql`
    create table payments.cards (
      user_id text primary key references payments.users,
      customer text not null,
      payment_method text not null
    )`.execute(db);

  // A payment by card is in a currency and has no transaction on chain.
  await sql`
    alter table payments.payments
      drop constraint payments_currency_fkey,
      add column card_payment_id text,
      add check (method in ('erc20', 'card'))`.execute(db);

  // One row for each PaymentIntent that may be confirmed, written before it is. The index is the guard that no bug
  // above it can pass: a payment has one that has taken money or still may.
  await sql`
    create table payments.card_charges (
      card_payment_id text primary key,
      payment_id uuid not null references payments.payments,
      intent_key text not null,
      state text not null default 'open' check (state in ('open', 'succeeded', 'canceled')),
      created_at timestamptz not null default now(),
      changed_at timestamptz not null default now()
    )`.execute(db);
  await sql`create unique index card_charges_one_live_per_payment on payments.card_charges (payment_id)
    where state in ('open', 'succeeded')`.execute(db);

  await sql`
    create table payments.card_declines (
      id text primary key,
      payment_id uuid not null references payments.payments,
      payment_method text not null,
      currency text not null,
      amount numeric(78,0) not null,
      decline_code text not null,
      advice_code text,
      network_advice_code text,
      declined_at timestamptz not null,
      retry_at timestamptz
    )`.execute(db);
  await sql`create index card_declines_by_card on payments.card_declines
    (payment_method, currency, amount, declined_at)`.execute(db);

  await sql`alter table reports.transactions add column card_payment_id text`.execute(db);

  await sql`
    create table payments.ledger_transactions (
      id bigint generated always as identity primary key,
      kind text not null,
      payment_id uuid not null references payments.payments,
      source text not null,
      made_at timestamptz not null default now(),
      unique (kind, payment_id),
      unique (kind, source)
    )`.execute(db);
  await sql`
    create table payments.ledger_entries (
      transaction_id bigint not null references payments.ledger_transactions,
      line smallint not null,
      account text not null,
      currency text not null,
      amount numeric(78,0) not null check (amount <> 0),
      primary key (transaction_id, line)
    )`.execute(db);
  await sql`create index ledger_entries_by_account on payments.ledger_entries (account, currency)`.execute(
    db,
  );

  await sql`
    create function payments.refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception 'rows of %.% are never changed', tg_table_schema, tg_table_name
        using hint = 'Correct a mistake by a transaction that undoes it, and the right one.';
    end $$`.execute(db);
  for (const table of ["ledger_transactions", "ledger_entries"]) {
    await sql`
      create trigger immutable before update or delete or truncate on payments.${sql.ref(table)}
      execute function payments.refuse_change()`.execute(db);
  }

  // Looked at when the transaction commits: only then are all its lines there.
  await sql`
    create function payments.assert_balanced() returns trigger language plpgsql as $$
    declare
      unbalanced text := (
        select format('%s %s', sum(amount), currency) from payments.ledger_entries
        where transaction_id = new.transaction_id group by currency having sum(amount) <> 0 limit 1
      );
    begin
      if unbalanced is not null then
        raise exception 'ledger transaction % is off by %', new.transaction_id, unbalanced
          using errcode = 'check_violation', hint = 'The lines of each currency must sum to zero.';
      end if;
      return null;
    end $$`.execute(db);
  await sql`
    create constraint trigger balanced after insert on payments.ledger_entries
    deferrable initially deferred for each row execute function payments.assert_balanced()`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`alter table reports.transactions drop column card_payment_id`.execute(db);
  await sql`drop table payments.ledger_entries, payments.ledger_transactions, payments.card_declines,
    payments.card_charges, payments.cards, payments.currencies`.execute(db);
  await sql`drop function payments.assert_balanced(), payments.refuse_change()`.execute(db);
  await sql`delete from payments.payments where method = 'card'`.execute(db);
  await sql`
    alter table payments.payments
      drop constraint payments_method_check,
      drop column card_payment_id,
      add foreign key (currency) references payments.tokens`.execute(db);
}
