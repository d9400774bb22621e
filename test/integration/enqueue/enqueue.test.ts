import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const Pay = defineJob("test.pay", {
  payload: z.object({ amount: z.int().default(1), note: z.string().optional() }),
  priority: "high",
  priorities: ["critical", "high", "batch"],
  attempts: 4,
  backoff: [1_000],
  timeoutMs: 4_321,
});
const { db } = await serviceDatabase("payer", [Pay]);

interface SeenRow {
  [column: string]: unknown;
  id: string;
}

async function job(id: string): Promise<SeenRow | undefined> {
  return (await sql<SeenRow>`select * from duly.jobs where id = ${id}`.execute(db)).rows[0];
}

async function outbox(id: string) {
  const rows = await sql<{ lane: string; send: number; delay_ms: number | null; not_before: Date | null }>`
    select lane, send, delay_ms, not_before from duly.outbox where ref = ${id}
  `.execute(db);
  return rows.rows;
}

test("an immediate job is queued with send 1 and one outbox row in its priority's lane", async () => {
  const id = await enqueue(db, Pay, { amount: 7 }, { priority: "critical" });
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(await job(id)).toMatchObject({
    type: "test.pay",
    service: "payer",
    priority: "critical",
    state: "queued",
    payload: { amount: 7 },
    send: 1,
    claim: 0,
    attempt: 0,
    max_attempts: 4,
    holds: 0,
    timeout_ms: 4_321,
    run_at: null,
    wake_at: null,
    correlation_id: id,
    causation_id: null,
    expires_at: null,
  });
  expect(await outbox(id)).toEqual([{ lane: "critical", send: 1, delay_ms: null, not_before: null }]);
});

test.each([
  ["later", 3_600_000],
  ["in the past", -3_600_000],
])("a job that is due %s starts scheduled, with no outbox row", async (_, offset) => {
  const runAt = new Date(Date.now() + offset);
  const id = await enqueue(db, Pay, { amount: 1 }, { runAt });
  expect(await job(id)).toMatchObject({ state: "scheduled", send: 0, run_at: runAt, wake_at: runAt });
  expect(await outbox(id)).toEqual([]);
});

test("a rolled-back transaction leaves no job, outbox row, unique key or expiry", async () => {
  const id = randomUUID();
  const options = { id, uniqueKey: "rolled-back", expiresAt: new Date(Date.now() + 60_000) };
  const changedMind = db.transaction().execute(async (trx) => {
    await enqueue(trx, Pay, { amount: 1 }, options);
    throw new Error("changed my mind");
  });
  await expect(changedMind).rejects.toThrow("changed my mind");
  const left = await sql`
    select 1 from duly.jobs where id = ${id} union all select 1 from duly.outbox where ref = ${id}
    union all select 1 from duly.unique_keys where job_id = ${id} union all select 1 from duly.expiries where job_id = ${id}
  `.execute(db);
  expect(left.rows).toEqual([]);
});

test("plain SQL and TypeScript make the same job", async () => {
  const runAt = new Date(Date.now() + 60_000);
  const expiresAt = new Date(Date.now() + 120_000);
  const [correlationId, causationId] = [randomUUID(), randomUUID()];
  const shared = { runAt, priority: "batch", expiresAt, timeoutMs: 99, correlationId } as const;
  const cause = { id: causationId, correlationId: randomUUID() };
  const byTypeScript = await enqueue(db, Pay, { amount: 2 }, { ...shared, uniqueKey: "ts", cause });
  const bySql = await sql<{ id: string }>`
    select duly.enqueue('test.pay', '{"amount": 2}', run_at => ${runAt}, priority => 'batch', unique_key => 'sql',
      expires_at => ${expiresAt}, timeout_ms => 99, correlation_id => ${correlationId}, causation_id => ${causationId}) as id
  `.execute(db);
  const own = { id: null, number: null, unique_key: null, enqueued_at: null };
  const [first, second] = [await job(byTypeScript), await job(bySql.rows[0]!.id)];
  expect({ ...first, ...own }).toEqual({ ...second, ...own });
  expect(first).toMatchObject({ correlation_id: correlationId, causation_id: causationId, timeout_ms: 99 });
});

test("an id of the caller's making is taken through both doors", async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  const viaSql = await sql<{
    id: string;
  }>`select duly.enqueue('test.pay', '{"amount": 1}', id => ${two}) as id`.execute(db);
  expect([await enqueue(db, Pay, { amount: 1 }, { id: one }), viaSql.rows[0]?.id]).toEqual([one, two]);
});

test("a cause gives causationId and correlationId, a stated correlationId goes before it", async () => {
  const cause = { id: randomUUID(), correlationId: randomUUID() };
  const stated = randomUUID();
  const caused = await enqueue(db, Pay, { amount: 1 }, { cause });
  const both = await enqueue(db, Pay, { amount: 1 }, { cause, correlationId: stated });
  expect(await job(caused)).toMatchObject({ causation_id: cause.id, correlation_id: cause.correlationId });
  expect(await job(both)).toMatchObject({ causation_id: cause.id, correlation_id: stated });
});

test("the payload is stored as the definition reads it, whatever JSON it is", async () => {
  const text = "Ünïcode 💸 \" \\ ' \n \u2028 $1 {{}}";
  const id = await enqueue(db, Pay, { note: text } as { amount: number; note: string });
  expect(await job(id)).toMatchObject({ payload: { amount: 1, note: text } });
});

test("ten thousand jobs in one call stand in the order of the items, by number and in the outbox", async () => {
  const items = Array.from({ length: 10_000 }, (_, place) => ({
    payload: { amount: place },
    ...(place % 2 === 0 ? {} : { priority: "batch" as const }),
  }));
  const ids = await enqueueMany(db, Pay, items);
  expect(new Set(ids).size).toBe(10_000);
  const byNumber = await sql<{ id: string }>`
    select id from duly.jobs where id = any(${ids}::uuid[]) order by number
  `.execute(db);
  expect(byNumber.rows.map((row) => row.id)).toEqual(ids);
  const byRow = await sql<{ ref: string; lane: string }>`
    select ref, lane from duly.outbox where ref = any(${ids}::uuid[]) order by id
  `.execute(db);
  expect(byRow.rows).toEqual(ids.map((ref, place) => ({ ref, lane: place % 2 === 0 ? "high" : "batch" })));
});

test("no items are no jobs and no round trip's fault", async () => {
  expect(await enqueueMany(db, Pay, [])).toEqual([]);
  const none = await sql`select * from duly.enqueue_many('test.pay', '[]')`.execute(db);
  expect(none.rows).toEqual([]);
});

test("ids ascend with time, so that they sort into the partition of their time", async () => {
  const first = await sql<{
    before: Date;
    id: string;
    at: Date;
  }>`select clock_timestamp() as before, duly.new_id() as id, clock_timestamp() as at`.execute(db);
  const { before, id, at } = first.rows[0]!;
  const milliseconds = Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
  expect(milliseconds).toBeGreaterThanOrEqual(before.getTime() - 1); // less than one is lost in each conversion
  expect(milliseconds).toBeLessThanOrEqual(at.getTime() + 1);
  const bound = await sql<{
    below: boolean;
  }>`select duly.first_id_at(${at}::timestamptz - interval '1 s') < ${id}::uuid as below`.execute(db);
  expect(bound.rows[0]?.below).toBe(true);
});
