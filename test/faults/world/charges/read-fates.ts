import { sql } from "kysely";
import type { Database } from "#shared/index.ts";
import type { PaymentFate } from "./judge-charges.ts";

interface FateRow extends Omit<PaymentFate, "booked"> {
  readonly booked: string;
}

/** What the payments service says of a round's payments. */
export async function readPaymentFates(db: Database, round: string): Promise<PaymentFate[]> {
  const { rows } = await sql<FateRow>`
    with told as (
      select subject, count(*) filter (where type = 'payment.completed.v1')::int as completions,
        count(*) filter (where type = 'payment.failed.v1')::int as failures
      from duly.events where type in ('payment.completed.v1', 'payment.failed.v1') group by subject),
    books as (
      select t.payment_id, count(distinct t.id)::int as bookings,
        sum(e.amount) filter (where e.account = 'cards:receivable') as booked
      from payments.ledger_transactions t join payments.ledger_entries e on e.transaction_id = t.id
      group by t.payment_id)
    select p.reference, p.state, coalesce(j.state, h.state)::text as job, coalesce(j.attempt, h.attempt) as attempts,
      coalesce(j.max_attempts, h.max_attempts) as "mostAttempts", p.failure_reason as "failureReason",
      coalesce(told.completions, 0) as completions, coalesce(told.failures, 0) as failures,
      coalesce(books.bookings, 0) as bookings, coalesce(books.booked, 0)::text as booked
    from payments.payments p left join duly.jobs j on j.id = p.job_id left join duly.jobs_history h on h.id = p.job_id
      left join told on told.subject = p.id::text left join books on books.payment_id = p.id
    where starts_with(p.reference, ${`${round} `})`.execute(db);
  return rows.map((row) => ({ ...row, booked: BigInt(row.booked) }));
}

/** The sum of all lines of the ledger, by currency. */
export async function readLedgerSums(db: Database): Promise<Record<string, bigint>> {
  const { rows } = await sql<{ currency: string; sum: string }>`
    select currency, sum(amount)::text as sum from payments.ledger_entries group by currency`.execute(db);
  return Object.fromEntries(rows.map(({ currency, sum }) => [currency, BigInt(sum)]));
}

/** How many payments of a round are not at their end. */
export async function countOpenPayments(db: Database, round: string): Promise<number> {
  const { rows } = await sql<{ open: number }>`
    select count(*)::int as open from payments.payments
    where state = 'scheduled' and starts_with(reference, ${`${round} `})`.execute(db);
  return rows[0]?.open ?? 0;
}

/** Lets the days pass that the declined cards of a round have to wait for; returns how many jobs go on. */
export async function letDaysPass(db: Database, round: string): Promise<number> {
  await sql`
    update payments.card_declines d
    set declined_at = d.declined_at - interval '10 days', retry_at = d.retry_at - interval '10 days'
    from payments.payments p
    where p.id = d.payment_id and d.retry_at > duly.now() and starts_with(p.reference, ${`${round} `})`.execute(
    db,
  );
  const { numAffectedRows } = await sql`
    update duly.jobs j set wake_at = duly.now() from payments.payments p
    where p.job_id = j.id and j.state in ('retrying', 'held') and j.wake_at > duly.now() + interval '12 hours'
      and starts_with(p.reference, ${`${round} `})`.execute(db);
  return Number(numAffectedRows ?? 0);
}
