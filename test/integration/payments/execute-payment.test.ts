import { sql } from "kysely";
import { expect, test } from "vitest";
import { PermanentError } from "#shared/index.ts";
import { executePayment } from "../../../services/payments/execute-payment.ts";
import { handlerContext, runHandler } from "../../support/run-handler.ts";
import { paymentsWorld } from "./payments-world.ts";

const world = await paymentsWorld();
const gateway = world.gateway();
const handler = executePayment(() => gateway);

async function eventsAbout(paymentId: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const { rows } = await sql<{ type: string; data: Record<string, unknown> }>`
    select type, data from duly.events where subject = ${paymentId}
  `.execute(world.db);
  return rows;
}

const paymentOf = (id: string) =>
  world.own.selectFrom("payments.payments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();

test("a payment is made, marked with its transaction, and told once", async () => {
  const payer = await world.payer();
  const { paymentId, recipient } = await world.order(payer, 12_500_000n);
  const { receipt } = await runHandler(world.db, handler, { paymentId });
  const payment = await paymentOf(paymentId);
  expect(payment).toMatchObject({
    state: "completed",
    transaction_hash: receipt.transactionHash,
    failure_reason: null,
  });
  expect(await world.transfersOf(payer)).toMatchObject([
    { hash: receipt.transactionHash, state: "confirmed" },
  ]);
  const { reference } = payment;
  const facts = { paymentId, reference, payer: payer.id, recipient, amount: "12.500000", currency: "DUSD" };
  const completedAt = payment.completed_at?.toISOString();
  expect(await eventsAbout(paymentId)).toMatchObject([
    { data: { ...facts, transactionHash: receipt.transactionHash, completedAt } },
  ]);
});

test("a job that runs again after its payment was made gives the first receipt and moves nothing", async () => {
  const { paymentId, recipient, amount } = await world.order(await world.payer());
  const first = await runHandler(world.db, handler, { paymentId });
  const second = await runHandler(world.db, handler, { paymentId }, { intentNumber: 2 });
  expect(second.receipt).toEqual(first.receipt);
  expect(await world.balanceOf(recipient)).toBe(amount);
});

test("a failed payment is marked with the reason and told", async () => {
  const payer = await world.payer();
  const { paymentId } = await world.order(payer);
  const error = new PermanentError("recipient_refused", "the token refuses this recipient");
  const context = handlerContext(world.db, handler, { paymentId });
  await world.db.transaction().execute(async (trx) => handler.recordFailure?.(trx, error, context));
  expect(await paymentOf(paymentId)).toMatchObject({ state: "failed", failure_reason: error.message });
  expect(await eventsAbout(paymentId)).toMatchObject([
    { data: { paymentId, payer: payer.id, reason: error.message } },
  ]);
});

test("a payment that was made cannot fail any more", async () => {
  const { paymentId } = await world.order(await world.payer());
  await runHandler(world.db, handler, { paymentId });
  const context = handlerContext(world.db, handler, { paymentId });
  await world.db
    .transaction()
    .execute(async (trx) => handler.recordFailure?.(trx, new Error("late"), context));
  expect(await paymentOf(paymentId)).toMatchObject({ state: "completed", failure_reason: null });
  expect(await eventsAbout(paymentId)).toHaveLength(1);
});

test("a job without its payment is a permanent failure", async () => {
  const context = handlerContext(world.db, handler, { paymentId: "00000000-0000-4000-8000-000000000000" });
  await expect(handler.perform?.(context)).rejects.toMatchObject({
    name: "PermanentError",
    code: "payment_unknown",
  });
});
