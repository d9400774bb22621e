import { sql } from "kysely";
import { expect, test } from "vitest";
import { ZodError, z } from "zod";
import { defineJob, type EnqueueOptions, enqueue, enqueueMany } from "#shared/index.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const Small = defineJob("test.small", {
  payload: z.object({ text: z.string() }),
  priority: "high",
  priorities: ["high", "low"],
  maxPayloadBytes: 100,
});
const Ghost = defineJob("test.ghost", { payload: z.object({ text: z.string() }) });
const { db } = await serviceDatabase("small", [Small]);
const ok = { text: "ok" };

async function jobs(): Promise<number> {
  const result = await sql<{ count: number }>`select count(*)::int as count from duly.jobs`.execute(db);
  return result.rows[0]!.count;
}

/** Enqueues after a good job in one transaction, and expects the error there and nothing left of either. */
async function expectRefused(add: (trx: typeof db) => Promise<unknown>, fault: Record<string, unknown>) {
  const before = await jobs();
  const transaction = db.transaction().execute(async (trx) => {
    await enqueue(trx, Small, ok);
    await add(trx);
  });
  await expect(transaction).rejects.toMatchObject(fault);
  expect(await jobs()).toBe(before);
}

const says = (text: string | RegExp) => expect.stringMatching(text) as unknown;

test("an unknown type is refused in the caller's transaction, with a hint that says what to do", async () => {
  await expectRefused((trx) => enqueue(trx, Ghost, ok), {
    code: "DU001",
    message: says(/unknown job type "test.ghost"/),
    hint: says(/start that service/),
  });
});

test("a priority that the definition does not allow is refused, and the allowed ones are named", async () => {
  await expectRefused((trx) => enqueue(trx, Small, ok, { priority: "critical" }), {
    code: "DU002",
    message: says(/may not have priority critical/),
    hint: "Allowed: high, low.",
  });
});

test("an oversized payload is refused, with its size and the limit", async () => {
  await expectRefused((trx) => enqueue(trx, Small, { text: "x".repeat(200) }), {
    code: "DU003",
    message: says(/has 212 bytes, 100 are allowed/),
    hint: says(/name its row/),
  });
});

test("size is counted in bytes, and the limit itself is allowed", async () => {
  const room = 100 - '{"text": ""}'.length;
  await expect(enqueue(db, Small, { text: "x".repeat(room) })).resolves.toBeTypeOf("string");
  await expect(enqueue(db, Small, { text: "é".repeat(room / 2 + 1) })).rejects.toMatchObject({
    code: "DU003",
  });
});

test.each(["null", "JSON null"])("a missing payload (%s) is refused", async (kind) => {
  const payload = kind === "null" ? sql`null` : sql`'null'::jsonb`;
  await expectRefused((trx) => sql`select duly.enqueue('test.small', ${payload})`.execute(trx), {
    code: "DU004",
    message: says(/has no payload/),
    hint: says(/use \{\}/),
  });
});

const soon = new Date(Date.now() + 60_000);
test.each<[string, EnqueueOptions, RegExp]>([
  ["a timeout of 0", { timeoutMs: 0 }, /timeout_ms of job 1 must be .+, not 0/],
  ["a timeout above RabbitMQ's patience", { timeoutMs: 1_500_001 }, /must be from 1 to 1500000, not 1500001/],
  ["an empty unique key", { uniqueKey: "" }, /has 0 characters/],
  ["a unique key of 256 characters", { uniqueKey: "k".repeat(256) }, /has 256 characters/],
  ["an expiry at its due time", { runAt: soon, expiresAt: soon }, /would expire at/],
])("%s is refused", async (_, options, message) => {
  await expectRefused((trx) => enqueue(trx, Small, ok, options), {
    code: "DU005",
    message: says(message),
    hint: says(/\w/),
  });
});

test("a date that is no date is refused, and never taken for none: the job would run at once", async () => {
  const before = await jobs();
  const never = new Date("31.02.2026 at noon");
  await expect(enqueue(db, Small, ok, { runAt: never })).rejects.toThrow(/./);
  await expect(enqueue(db, Small, ok, { expiresAt: never })).rejects.toThrow(/./);
  expect(await jobs()).toBe(before);
});

test("a time that is no number is refused, and never taken for the definition's", async () => {
  await expect(enqueue(db, Small, ok, { timeoutMs: Number.NaN })).rejects.toThrow(/./);
  await expect(enqueue(db, Small, ok, { timeoutMs: 1.5 })).rejects.toThrow(/./);
});

test("a field that plain SQL misspells is refused, and never taken for none", async () => {
  const misspelt = JSON.stringify([{ payload: ok, runAt: "2099-01-01T00:00:00Z" }]);
  await expect(sql`select duly.enqueue_many('test.small', ${misspelt}::jsonb)`.execute(db)).rejects.toThrow(
    /runAt/,
  );
});

test("one bad item of a bulk is named by its place and none is added", async () => {
  const items = Array.from({ length: 50 }, (_, place) => ({
    payload: { text: place === 41 ? "x".repeat(99) : "" },
  }));
  await expectRefused((trx) => enqueueMany(trx, Small, items), {
    code: "DU003",
    message: says(/the payload of job 42 /),
  });
});

test("a payload that the definition refuses never reaches PostgreSQL", async () => {
  const wrong = { text: 7 } as unknown as { text: string };
  await db.transaction().execute(async (trx) => {
    await expect(enqueue(trx, Small, wrong)).rejects.toBeInstanceOf(ZodError);
    // The transaction is unharmed: no statement of it failed.
    await enqueue(trx, Small, ok);
  });
});

test.each([
  ["a type that AMQP cannot carry", sql`repeat('€', 100)`, sql`'{}'`, "DU005"],
  ["data that no broker takes", sql`'test.huge.v1'`, sql`to_jsonb(repeat('x', 17000000))`, "DU003"],
])("an event with %s is refused in the caller's transaction", async (_, type, data, code) => {
  await expectRefused((trx) => sql`select duly.emit(${type}, ${data})`.execute(trx), {
    code,
    hint: says(/\w/),
  });
  const left =
    await sql`select from duly.events union all select from duly.outbox where lane = 'event'`.execute(db);
  expect(left.rows).toEqual([]);
});
