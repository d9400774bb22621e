import { sql } from "kysely";
import type { PaymentsDatabase } from "../tables.ts";
import { COUNTED_DAYS, type Decline, judgeDecline, type Verdict } from "./decline-codes.ts";

/** What the card networks count by: one card and one amount. */
export interface CardAndAmount {
  readonly paymentMethod: string;
  readonly currency: string;
  /** Minor units. */
  readonly amount: bigint;
}

/** What an earlier decline leaves open. */
export type Standing = { readonly again: "now" } | { readonly again: "never"; readonly code: string } | Wait;
interface Wait {
  readonly again: "later";
  readonly code: string;
  readonly afterMs: number;
}

/** Keeps a decline, once under its id, and judges it by those before. */
export async function noteDecline(
  db: PaymentsDatabase,
  declined: CardAndAmount & { readonly id: string; readonly paymentId: string; readonly decline: Decline },
): Promise<Verdict> {
  const { id, paymentId, paymentMethod, currency, amount, decline } = declined;
  const before = await countDeclines(db, declined, id);
  const verdict = judgeDecline(decline, before);
  const waitMs = verdict.again === "later" ? verdict.afterMs : null;
  await sql`
    insert into payments.card_declines (id, payment_id, payment_method, currency, amount, decline_code, advice_code,
      network_advice_code, declined_at, retry_at)
    values (${id}, ${paymentId}, ${paymentMethod}, ${currency}, ${amount.toString()}, ${decline.code},
      ${decline.adviceCode ?? null}, ${decline.networkAdviceCode ?? null}, duly.now(),
      duly.now() + ${waitMs}::float8 * interval '1 ms')
    on conflict (id) do nothing
  `.execute(db);
  return verdict;
}

/** Whether a card may be charged now for a payment, after what was declined before. */
export async function standingOf(
  db: PaymentsDatabase,
  wanted: { readonly paymentId: string; readonly paymentMethod: string },
): Promise<Standing> {
  const { rows } = await sql<{ code: string; waitMs: number | null }>`
    select decline_code as code, (extract(epoch from retry_at - duly.now()) * 1000)::float8 as "waitMs"
    from payments.card_declines
    where payment_id = ${wanted.paymentId} and payment_method = ${wanted.paymentMethod}
    order by declined_at desc limit 1
  `.execute(db);
  const [latest] = rows;
  if (latest === undefined) return { again: "now" };
  if (latest.waitMs === null) return { again: "never", code: latest.code };
  // The scheduler may send a little ahead of the time, and the clocks' steps are no reason to wait once more.
  if (latest.waitMs <= 1_000) return { again: "now" };
  return { again: "later", code: latest.code, afterMs: latest.waitMs };
}

async function countDeclines(db: PaymentsDatabase, declined: CardAndAmount, id: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from payments.card_declines
    where payment_method = ${declined.paymentMethod} and currency = ${declined.currency}
      and amount = ${declined.amount.toString()} and id <> ${id}
      and declined_at > duly.now() - ${COUNTED_DAYS} * interval '1 day'
  `.execute(db);
  return rows[0]?.count ?? 0;
}
