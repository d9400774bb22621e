import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineEvent, defineJob, emit, enqueue, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const engine = useEngine();
const Plain = defineJob("test.plain", { payload: z.object({}), priority: "high" });
let relay: Running;

beforeAll(async () => {
  await register(engine.db, "plain", [Plain], []);
});
beforeEach(async () => {
  relay = await engine.startRelay();
});
afterEach(async () => {
  // Copies of letters may still be on their way: the next test would take them for its own.
  await outboxEmpties();
  await relay.stop();
  for (const queue of ["plain.high", "plain.dead-letters", "duly.dead-letters"])
    await engine.broker.takeAll(queue);
  await sql`truncate duly.jobs, duly.dead_letters`.execute(engine.db);
});

/** Three jobs that go out in one batch; the middle one is made unfit behind the API's back. */
async function threeOf(spoil: (trx: typeof engine.db, id: string) => Promise<unknown>): Promise<string[]> {
  return engine.db.transaction().execute(async (trx) => {
    const ids = await enqueueMany(trx, Plain, [{ payload: {} }, { payload: {} }, { payload: {} }]);
    await spoil(trx, ids[1]!);
    return ids;
  });
}

async function outboxEmpties(): Promise<void> {
  await eventually("the outbox to be empty", async () => {
    return (await sql`select from duly.outbox limit 1`.execute(engine.db)).rows.length === 0;
  });
}

async function arrived(): Promise<string[]> {
  return (await engine.broker.takeAll("plain.high")).map(({ properties }) => String(properties.messageId));
}

async function letterOf(id: string) {
  const found = await sql<{ reason: string; attempts: number; error: { message: string } }>`
    select reason, attempts, error from duly.dead_letters where job_id = ${id}
  `.execute(engine.db);
  return found.rows;
}

test.each([
  ["a type of 300 characters", "x".repeat(300)],
  ["a type of 280 bytes in 70 characters", "💸".repeat(70)],
])("%s, which AMQP cannot carry, becomes a dead letter; its neighbours arrive", async (_, type) => {
  const ids = await threeOf((trx, id) =>
    sql`update duly.jobs set type = ${type} where id = ${id}`.execute(trx),
  );
  const job = await engine.reaches(ids[1]!, "dead_lettered");
  expect(job.last_error).toMatchObject({ code: "unpublishable" });
  await outboxEmpties();
  expect(await arrived()).toEqual([ids[0], ids[2]]);
  expect(await letterOf(ids[1]!)).toMatchObject([{ reason: "unpublishable" }]);
  const copies = await engine.broker.takeAll("plain.dead-letters");
  expect(copies.map(({ properties }) => properties.headers?.["duly-job"] as unknown)).toEqual([ids[1]]);
});

test("a body above what a broker takes becomes a dead letter whose copy carries headers only", async () => {
  // 17 MiB: our own limit is set aside as an administrator could.
  const big = sql`jsonb_build_object('text', repeat('x', 17 * 1024 * 1024))`;
  const ids = await threeOf((trx, id) =>
    sql`update duly.jobs set payload = ${big} where id = ${id}`.execute(trx),
  );
  await engine.reaches(ids[1]!, "dead_lettered");
  await outboxEmpties();
  expect(await arrived()).toEqual([ids[0], ids[2]]);
  const [letter] = await letterOf(ids[1]!);
  expect(letter?.error.message).toMatch(/its body of 178\d{5} bytes is above 16777216/);
  const [copy] = await engine.broker.takeAll("plain.dead-letters");
  expect([copy?.content.length, copy?.properties.headers?.["duly-reason"] as unknown]).toEqual([
    0,
    "unpublishable",
  ]);
  const kept = await sql<{ size: number }>`
    select octet_length(payload::text) as size from duly.dead_letters where job_id = ${ids[1]}
  `.execute(engine.db);
  expect(kept.rows[0]?.size).toBeGreaterThan(17 * 1024 * 1024);
});

test("the attempts that were made before it became unpublishable stay counted", async () => {
  const ids = await threeOf((trx, id) =>
    sql`update duly.jobs set type = repeat('x', 300), attempt = 2 where id = ${id}`.execute(trx),
  );
  expect((await engine.reaches(ids[1]!, "dead_lettered")).attempt).toBe(2);
  expect(await letterOf(ids[1]!)).toMatchObject([{ attempts: 2 }]);
});

test("a job that ended while its row waited is not raised from the dead as a letter", async () => {
  const ids = await threeOf((trx, id) =>
    sql`update duly.jobs set type = repeat('x', 300), state = 'cancelled' where id = ${id}`.execute(trx),
  );
  await outboxEmpties();
  expect(await arrived()).toEqual([ids[0], ids[2]]);
  expect(await letterOf(ids[1]!)).toEqual([]);
  const job = await sql`select state from duly.jobs where id = ${ids[1]}`.execute(engine.db);
  expect(job.rows).toEqual([{ state: "cancelled" }]);
});

test("an event that cannot be published becomes a letter that people find in RabbitMQ, and stops no other", async () => {
  const Fact = defineEvent("test.fact", { version: 1, data: z.object({}) });
  // Past duly.emit, which would refuse it.
  await sql`
    with event as (
      insert into duly.events (id, type, data, correlation_id, occurred_at)
      values (duly.new_id(), 'test.huge.v1', to_jsonb(repeat('x', 17 * 1024 * 1024)), duly.new_id(), duly.now())
      returning id
    )
    insert into duly.outbox (lane, ref, send) select 'event', id, 1 from event
  `.execute(engine.db);
  await emit(engine.db, Fact, {});
  await enqueue(engine.db, Plain, {});
  await outboxEmpties();
  const letters = await sql<{ service: string; reason: string; type: string }>`
    select service, reason, type from duly.dead_letters where job_id is null
  `.execute(engine.db);
  expect(letters.rows).toMatchObject([{ reason: "unpublishable", type: "test.huge.v1" }]);
  const copies = await engine.broker.takeAll(`${letters.rows[0]!.service}.dead-letters`);
  expect(copies).toHaveLength(1);
});
