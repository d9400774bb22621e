import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { cancel } from "#shared/jobs/cancel.ts";
import { complete } from "#shared/jobs/complete.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { eventually } from "../../support/eventually.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const Once = defineJob("test.once", { payload: z.object({ round: z.int() }) });
const Other = defineJob("test.other", { payload: z.object({ round: z.int() }) });
const { db, open } = await serviceDatabase("once", [Once, Other]);
const second = open(2);

async function jobsWith(uniqueKey: string) {
  const found = await sql<{ id: string; payload: { round: number } }>`
    select id, payload from duly.jobs where unique_key = ${uniqueKey} order by number
  `.execute(db);
  return found.rows;
}

/** Waits until a connection waits for another's transaction. */
async function aTransactionWaits(): Promise<void> {
  await eventually("a transaction to wait for another's", async () => {
    const waiting = await sql`
      select from pg_locks where not granted and locktype = 'transactionid'
        and pid in (select pid from pg_stat_activity where datname = current_database())
    `.execute(db);
    return waiting.rows.length > 0;
  });
}

class RolledBack extends Error {}

/** Begins a transaction that stays open until it is told how to end. */
async function inTransaction(round: number, uniqueKey: string) {
  const added = Promise.withResolvers<string>();
  const end = Promise.withResolvers<"commit" | "rollback">();
  const transaction = db.transaction().execute(async (trx) => {
    added.resolve(await enqueue(trx, Once, { round }, { uniqueKey }));
    if ((await end.promise) === "rollback") throw new RolledBack();
  });
  const ended = transaction.catch((error: unknown) => {
    if (!(error instanceof RolledBack)) throw error;
  });
  return { id: await added.promise, end: (how: "commit" | "rollback") => (end.resolve(how), ended) };
}

test("the first job stays, its id is returned, and nothing of the second is added", async () => {
  const first = await enqueue(db, Once, { round: 1 }, { uniqueKey: "stays" });
  const again = await enqueue(db, Once, { round: 2 }, { uniqueKey: "stays" });
  expect(again).toBe(first);
  expect(await jobsWith("stays")).toEqual([{ id: first, payload: { round: 1 } }]);
  const rows = await sql`select from duly.outbox where ref = ${first}`.execute(db);
  expect(rows.rows).toHaveLength(1);
});

test("another type may have the same key", async () => {
  const one = await enqueue(db, Once, { round: 1 }, { uniqueKey: "by-type" });
  const other = await enqueue(db, Other, { round: 1 }, { uniqueKey: "by-type" });
  expect(other).not.toBe(one);
});

test("a second transaction waits for the first, then gets the first's job", async () => {
  const first = await inTransaction(1, "waits");
  const again = enqueue(second, Once, { round: 2 }, { uniqueKey: "waits" });
  await aTransactionWaits();
  await first.end("commit");
  expect(await again).toBe(first.id);
  expect(await jobsWith("waits")).toEqual([{ id: first.id, payload: { round: 1 } }]);
});

test("when the first rolls back, the second gets the key and its own job", async () => {
  const first = await inTransaction(1, "rolls-back");
  const again = enqueue(second, Once, { round: 2 }, { uniqueKey: "rolls-back" });
  await aTransactionWaits();
  await first.end("rollback");
  const id = await again;
  expect(id).not.toBe(first.id);
  expect(await jobsWith("rolls-back")).toEqual([{ id, payload: { round: 2 } }]);
});

test("who enqueues while the holder is being completed waits, then gets a job of its own", async () => {
  const first = await enqueue(db, Once, { round: 1 }, { uniqueKey: "races" });
  const done = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const settling = db.transaction().execute(async (trx) => {
    await complete(trx, [{ id: first, send: 1, result: undefined, startedAt: new Date() }]);
    done.resolve();
    await go.promise;
  });
  await done.promise;
  const again = enqueue(second, Once, { round: 2 }, { uniqueKey: "races" });
  await aTransactionWaits();
  go.resolve();
  await settling;
  expect(await again).not.toBe(first);
  expect(await jobsWith("races")).toHaveLength(2);
});

test.each([
  ["completion", (id: string) => complete(db, [{ id, send: 1, result: 1, startedAt: new Date() }])],
  ["cancelling", (id: string) => cancel(db, [id], "no longer wanted")],
  [
    "a dead letter",
    (id: string) => writeLetters(db, [{ id, attempts: 1 }], "permanent_error", { name: "E", message: "no" }),
  ],
])("%s frees the key", async (how, end) => {
  const uniqueKey = `freed by ${how}`;
  const first = await enqueue(db, Once, { round: 1 }, { uniqueKey });
  await end(first);
  const next = await enqueue(db, Once, { round: 2 }, { uniqueKey });
  expect(next).not.toBe(first);
  expect(await enqueue(db, Once, { round: 3 }, { uniqueKey })).toBe(next);
});

test("an old job that ends late does not free the key of the one that took its place", async () => {
  const first = await enqueue(db, Once, { round: 1 }, { uniqueKey: "successor" });
  await writeLetters(db, [{ id: first, attempts: 1 }], "permanent_error", { name: "E", message: "no" });
  const next = await enqueue(db, Once, { round: 2 }, { uniqueKey: "successor" });
  const late = complete(db, [{ id: first, send: 1, result: 1, startedAt: new Date() }]);
  await expect(late).rejects.toThrow("cancelled or replaced");
  expect(await enqueue(db, Once, { round: 3 }, { uniqueKey: "successor" })).toBe(next);
});

test("inside one bulk the first item with a key stays and the others get its id", async () => {
  const keys = ["b", "a", undefined, "b", "a", undefined];
  const items = keys.map((uniqueKey, round) => ({ payload: { round }, uniqueKey }));
  const ids = await enqueueMany(db, Once, items);
  expect([ids[3], ids[4]]).toEqual([ids[0], ids[1]]);
  expect(new Set(ids).size).toBe(4);
  expect(await jobsWith("b")).toEqual([{ id: ids[0], payload: { round: 0 } }]);
});

test("bulks that take the same keys in opposite orders do not lock each other out", async () => {
  const keys = Array.from({ length: 200 }, (_, place) => `opposite-${place}`);
  const bulk = (order: readonly string[], database: typeof db) =>
    enqueueMany(
      database,
      Once,
      order.map((uniqueKey, round) => ({ payload: { round }, uniqueKey })),
    );
  for (let turn = 0; turn < 5; turn += 1) {
    const own = keys.map((key) => `${turn}-${key}`);
    const [forth, back] = await Promise.all([bulk(own, db), bulk(own.toReversed(), second)]);
    expect(back.toReversed()).toEqual(forth);
  }
});

test("under repeatable read a key taken since the snapshot is a serialisation failure, not a wait without end", async () => {
  const late = second
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute(async (trx) => {
      await sql`select 1 from duly.jobs limit 1`.execute(trx);
      await enqueue(db, Once, { round: 1 }, { uniqueKey: "snapshot" });
      await enqueue(trx, Once, { round: 2 }, { uniqueKey: "snapshot" });
    });
  await expect(late).rejects.toMatchObject({ code: "40001" });
});

test("a key given with an id that is known already is not taken by it", async () => {
  const id = randomUUID();
  await enqueue(db, Once, { round: 1 }, { id, uniqueKey: "its-own" });
  await enqueue(db, Once, { round: 2 }, { id, uniqueKey: "not-its-own" });
  const free = await enqueue(db, Once, { round: 3 }, { uniqueKey: "not-its-own" });
  expect(free).not.toBe(id);
});
