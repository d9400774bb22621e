import { sql } from "kysely";
import type { Hex } from "../chain/address.ts";
import type { PaymentsDatabase, TransferState } from "../tables.ts";

/** A signed transfer; its bytes are the only ones that may ever be offered for its nonce while it is live. */
export interface Transfer {
  readonly hash: Hex;
  readonly intentKey: string;
  readonly paymentId: string;
  readonly jobId: string;
  readonly payer: Hex;
  readonly nonce: number;
  readonly raw: Hex;
}

const LIVE: readonly TransferState[] = ["signed", "confirmed"];

/** Stores a signed transfer; refused by a unique index while its payment or its nonce has a live one. */
export async function storeTransfer(db: PaymentsDatabase, transfer: Transfer): Promise<void> {
  const { intentKey, paymentId, jobId, ...rest } = transfer;
  await db
    .insertInto("payments.transfers")
    .values({ ...rest, intent_key: intentKey, payment_id: paymentId, job_id: jobId })
    .execute();
}

/** The transfer of a payment that has moved its tokens or still may. */
export async function liveTransferOf(db: PaymentsDatabase, paymentId: string): Promise<Transfer | undefined> {
  const row = await selectLive(db).where("payment_id", "=", paymentId).executeTakeFirst();
  return row && toTransfer(row);
}

/** A payer's live transfers from a nonce on, by nonce. */
export async function liveTransfersFrom(
  db: PaymentsDatabase,
  payer: Hex,
  nonce: number,
): Promise<Transfer[]> {
  const rows = await selectLive(db)
    .where("payer", "=", payer)
    .where("nonce", ">=", String(nonce))
    .orderBy("nonce")
    .execute();
  return rows.map(toTransfer);
}

/** Ends a live transfer, or confirms it; one that has ended stays as it is. */
export async function markTransfer(
  db: PaymentsDatabase,
  hash: string,
  state: Exclude<TransferState, "signed">,
  note?: string,
): Promise<void> {
  await db
    .updateTable("payments.transfers")
    .set({ state, note: note ?? null, changed_at: sql<Date>`now()` })
    .where("hash", "=", hash)
    .where("state", "in", LIVE)
    .execute();
}

/** Gives an intent up: whoever still works under it signs nothing any more. */
export async function voidIntent(db: PaymentsDatabase, intentKey: string): Promise<void> {
  await db
    .insertInto("payments.void_intents")
    .values({ intent_key: intentKey })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Whether an intent was given up. */
export async function isVoid(db: PaymentsDatabase, intentKey: string): Promise<boolean> {
  const row = await db
    .selectFrom("payments.void_intents")
    .select("intent_key")
    .where("intent_key", "=", intentKey)
    .executeTakeFirst();
  return row !== undefined;
}

function selectLive(db: PaymentsDatabase) {
  return db.selectFrom("payments.transfers").selectAll().where("state", "in", LIVE);
}

type TransferRow = Awaited<ReturnType<ReturnType<typeof selectLive>["executeTakeFirstOrThrow"]>>;

function toTransfer(row: TransferRow): Transfer {
  return {
    hash: row.hash as Hex,
    intentKey: row.intent_key,
    paymentId: row.payment_id,
    jobId: row.job_id,
    payer: row.payer as Hex,
    nonce: Number(row.nonce),
    raw: row.raw as Hex,
  };
}
