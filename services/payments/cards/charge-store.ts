import { sql, type Transaction } from "kysely";
import type { DulyTables } from "#shared/index.ts";
import type { PaymentsDatabase, PaymentsTables } from "../tables.ts";
import { isVoid, voidIntent } from "../transfers/transfer-store.ts";

const LIVE = ["open", "succeeded"] as const;

/** The processor's payment that has taken a payment's money or still may. */
export async function liveChargeOf(db: PaymentsDatabase, paymentId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("payments.card_charges")
    .select("card_payment_id")
    .where("payment_id", "=", paymentId)
    .where("state", "in", LIVE)
    .executeTakeFirst();
  return row?.card_payment_id;
}

/** Makes a processor's payment the one that may be confirmed; returns the one that is it, undefined for a void intent. */
export async function adoptCharge(
  db: PaymentsDatabase,
  charge: { readonly paymentId: string; readonly intentKey: string; readonly cardPaymentId: string },
): Promise<string | undefined> {
  return alone(db, charge.paymentId, async (trx) => {
    if (await isVoid(trx, charge.intentKey)) return undefined;
    const live = await liveChargeOf(trx, charge.paymentId);
    if (live !== undefined) return live;
    await trx
      .insertInto("payments.card_charges")
      .values({
        card_payment_id: charge.cardPaymentId,
        payment_id: charge.paymentId,
        intent_key: charge.intentKey,
      })
      .execute();
    return charge.cardPaymentId;
  });
}

/** The live one; where there is none the intent is given up, so that whoever still works under it adopts none. */
export async function liveChargeOrVoid(
  db: PaymentsDatabase,
  paymentId: string,
  intentKey: string,
): Promise<string | undefined> {
  return alone(db, paymentId, async (trx) => {
    const live = await liveChargeOf(trx, paymentId);
    if (live === undefined) await voidIntent(trx, intentKey);
    return live;
  });
}

/** Notes what has become of a live one for good. */
export async function endCharge(
  db: PaymentsDatabase,
  cardPaymentId: string,
  state: "succeeded" | "canceled",
): Promise<void> {
  await db
    .updateTable("payments.card_charges")
    .set({ state, changed_at: sql<Date>`now()` })
    .where("card_payment_id", "=", cardPaymentId)
    .where("state", "=", "open")
    .execute();
}

async function alone<Result>(
  db: PaymentsDatabase,
  paymentId: string,
  work: (trx: Transaction<DulyTables & PaymentsTables>) => Promise<Result>,
): Promise<Result> {
  return db.transaction().execute(async (trx) => {
    const key = sql`hashtextextended(${`payments.charge ${paymentId}`}, 0)`;
    await sql`select pg_advisory_xact_lock(${key})`.execute(trx);
    return work(trx);
  });
}
