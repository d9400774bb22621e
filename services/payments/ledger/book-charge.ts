import { sql } from "kysely";
import type { PaymentsDatabase } from "../tables.ts";

/** A charge that took money. */
export interface BookedCharge {
  readonly paymentId: string;
  /** What proves it: the processor's id. */
  readonly source: string;
  readonly recipient: string;
  readonly currency: string;
  /** Minor units by ISO 4217. */
  readonly amount: bigint;
}

/**
 * Books a charge twice over: the processor owes us the money, and we owe it to the recipient.
 *
 * Booking the same charge again changes nothing; another charge for the same payment is refused by a unique index,
 * because somebody would have paid twice. Rows are never changed, and PostgreSQL refuses to commit what does not sum to
 * zero.
 */
export async function bookCharge(db: PaymentsDatabase, charge: BookedCharge): Promise<void> {
  const amount = charge.amount.toString();
  await sql`
    with booked as (
      insert into payments.ledger_transactions (kind, payment_id, source)
      values ('charge', ${charge.paymentId}, ${charge.source})
      on conflict (kind, source) do nothing
      returning id
    )
    insert into payments.ledger_entries (transaction_id, line, account, currency, amount)
    select id, line, account, ${charge.currency}, amount
    from booked, (values
      (1, 'cards:receivable', ${amount}::numeric),
      (2, ${`payable:${charge.recipient}`}, -${amount}::numeric)
    ) as side(line, account, amount)
  `.execute(db);
}
