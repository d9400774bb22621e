import { randomUUID } from "node:crypto";
import type { KyselyPlugin } from "kysely";
import { expect, test } from "vitest";
import type { z } from "zod";
import { RecordTransaction } from "#shared/contracts/reports.ts";
import { recordTransaction } from "../../../services/reports/record-transaction.ts";
import type { ReportsTables } from "../../../services/reports/tables.ts";
import { handlerContext } from "../../support/run-handler.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db } = await serviceDatabase("reports", [RecordTransaction]);

type Payload = z.infer<(typeof RecordTransaction)["payload"]>;

function transaction(changes: Partial<Payload> = {}): Payload {
  return {
    eventId: randomUUID(),
    paymentId: randomUUID(),
    reference: "INV-7",
    payer: "alice",
    recipient: "0xaa",
    amount: "12.500000",
    currency: "DUSD",
    outcome: "completed",
    transactionHash: "0xabc",
    happenedAt: "2026-05-01T10:00:00.123Z",
    ...changes,
  };
}

async function record(payloads: readonly Payload[]): Promise<void> {
  const items = payloads.map((payload) => handlerContext(db, recordTransaction, payload));
  await db.transaction().execute(async (trx) => await recordTransaction.recordAll?.(trx, items));
}

const stored = (payloads: readonly Payload[]) =>
  db
    .$extendTables<ReportsTables>()
    .selectFrom("reports.transactions")
    .selectAll()
    .where(
      "event_id",
      "in",
      payloads.map(({ eventId }) => eventId),
    )
    .execute();

test("a transaction is kept as it was told, its amount in the scale that it came with", async () => {
  const completed = transaction({ reference: 'a "quoted", {braced} \\ reference, NULL' });
  const { transactionHash: _, ...rest } = transaction({
    outcome: "failed",
    reason: "refused",
    amount: "0.10",
  });
  await record([completed, rest]);
  const rows = await stored([completed, rest]);
  expect(rows).toHaveLength(2);
  expect(rows).toContainEqual({
    event_id: completed.eventId,
    payment_id: completed.paymentId,
    reference: 'a "quoted", {braced} \\ reference, NULL',
    payer: "alice",
    recipient: "0xaa",
    amount: "12.500000",
    currency: "DUSD",
    outcome: "completed",
    transaction_hash: "0xabc",
    card_payment_id: null,
    reason: null,
    happened_at: new Date("2026-05-01T10:00:00.123Z"),
  });
  expect(rows).toContainEqual(
    expect.objectContaining({
      event_id: rest.eventId,
      amount: "0.10",
      reason: "refused",
      transaction_hash: null,
    }),
  );
});

test("the largest amount of a token with 18 decimals is kept to the last digit", async () => {
  const amount = `${"9".repeat(60)}.${"1".repeat(18)}`;
  const large = transaction({ amount });
  await record([large]);
  expect(await stored([large])).toMatchObject([{ amount }]);
});

test("an event that comes again, in the same group or later, changes nothing", async () => {
  const first = transaction({ reference: "first" });
  const again = { ...first, reference: "again" };
  await record([first, again]);
  await record([again]);
  expect(await stored([first])).toMatchObject([{ reference: "first" }]);
});

test("400 transactions take one statement", async () => {
  const many = Array.from({ length: 400 }, () => transaction());
  const items = many.map((payload) => handlerContext(db, recordTransaction, payload));
  let statements = 0;
  const count: KyselyPlugin = {
    transformQuery: ({ node }) => {
      statements++;
      return node;
    },
    transformResult: ({ result }) => Promise.resolve(result),
  };
  await db
    .transaction()
    .execute(async (trx) => await recordTransaction.recordAll?.(trx.withPlugin(count), items));
  expect(statements).toBe(1);
  expect(await stored(many)).toHaveLength(400);
});

test("an amount that is no number is refused, and with it its group", async () => {
  const good = transaction();
  await expect(record([good, transaction({ amount: "a lot" })])).rejects.toThrow(/numeric/);
  expect(await stored([good])).toEqual([]);
});
