import { sql } from "kysely";
import { RecordTransaction } from "#shared/contracts/reports.ts";
import { handle } from "#shared/index.ts";

/** Keeps the outcomes of many payments with one statement; an event that is there already stays as it is. */
export const recordTransaction = handle(RecordTransaction, {
  recordAll: async (trx, items) => {
    const column = <Value>(value: (payload: (typeof items)[number]["payload"]) => Value) =>
      items.map(({ payload }) => value(payload));
    await sql`
      insert into reports.transactions (event_id, payment_id, reference, payer, recipient, amount, currency, outcome,
        transaction_hash, card_payment_id, reason, happened_at)
      select * from unnest(
        ${column((it) => it.eventId)}::uuid[],
        ${column((it) => it.paymentId)}::uuid[],
        ${column((it) => it.reference)}::text[],
        ${column((it) => it.payer)}::text[],
        ${column((it) => it.recipient)}::text[],
        ${column((it) => it.amount)}::numeric[],
        ${column((it) => it.currency)}::text[],
        ${column((it) => it.outcome)}::text[],
        ${column((it) => it.transactionHash ?? null)}::text[],
        ${column((it) => it.cardPaymentId ?? null)}::text[],
        ${column((it) => it.reason ?? null)}::text[],
        ${column((it) => it.happenedAt)}::timestamptz[])
      on conflict (event_id) do nothing
    `.execute(trx);
  },
});
