import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { RecordTransaction } from "#shared/contracts/reports.ts";
import type { Random } from "../random.ts";

/** A transaction as reports is asked to record it. */
export type Transaction = z.infer<(typeof RecordTransaction)["payload"]>;

/** A report that is to be written, and what has to stand in it. */
export interface ReportOrder {
  readonly from: string;
  readonly until: string;
  /** Its rows by `lineOf`, in their order. */
  readonly lines: readonly string[];
  /** When it is to be due, from when work is given. */
  readonly afterMs: number;
}

const DAY_MS = 86_400_000;
/** Long before anything else happens. */
const FIRST_DAY_MS = Date.UTC(2001, 0, 1);

/** Makes transactions of a day that no other round has. */
export function makeTransactions(day: number, count: number, random: Random): Transaction[] {
  return Array.from({ length: count }, (_, place): Transaction => {
    const isCompleted = random.chance(0.9);
    return {
      eventId: randomUUID(),
      paymentId: randomUUID(),
      reference: `day ${day}, ${place}`,
      payer: `payer "${random.between(1, 99)}"`,
      recipient: `shop, ${random.between(1, 9)}`,
      amount: (random.between(1, 10_000_000) / 100).toFixed(2),
      currency: "EUR",
      ...(isCompleted
        ? { outcome: "completed" as const, cardPaymentId: `pi_${place}` }
        : { outcome: "failed" as const, reason: "declined,\nfor good" }),
      // Some at the same time: their ids put them in order.
      happenedAt: new Date(FIRST_DAY_MS + day * DAY_MS + 1000 * random.between(0, 86_399)).toISOString(),
    };
  });
}

/** Makes reports of parts of the day, one of them of a time without any transaction. */
export function makeReports(
  day: number,
  transactions: readonly Transaction[],
  { reports, seconds }: { readonly reports: number; readonly seconds: number },
  random: Random,
): ReportOrder[] {
  return Array.from({ length: reports }, (_, place): ReportOrder => {
    const [start, end] = [random.between(0, DAY_MS / 2), random.between(DAY_MS / 2, DAY_MS)];
    const begin = FIRST_DAY_MS + day * DAY_MS + start;
    const from = new Date(begin).toISOString();
    const until = new Date(place === 0 ? begin + 1 : FIRST_DAY_MS + day * DAY_MS + end).toISOString();
    const lines = transactions
      .filter(({ happenedAt }) => happenedAt >= from && happenedAt < until)
      .toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
      .map(lineOf);
    return { from, until, lines, afterMs: random.between(0, seconds * 1000) };
  });
}

/** All that a row of a report has to say of a transaction, as one text. */
export function lineOf(transaction: Transaction): string {
  const { happenedAt, reference, payer, recipient, amount, currency, outcome } = transaction;
  const { cardPaymentId = "", reason = "", paymentId, eventId } = transaction;
  const cells = [
    happenedAt,
    reference,
    payer,
    recipient,
    amount,
    currency,
    outcome,
    reason,
    paymentId,
    eventId,
  ];
  return JSON.stringify([...cells, cardPaymentId]);
}

function orderOf({ happenedAt, eventId }: Transaction): string {
  return `${happenedAt} ${eventId}`;
}
