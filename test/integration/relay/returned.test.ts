import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { retry } from "#shared/jobs/retry.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { listenTo } from "./listener.ts";

const engine = useEngine();
const payload = z.object({});
const Lost = defineJob("test.lost", {
  payload,
  priority: "high",
  priorities: ["high", "low"],
  attempts: 9,
  backoff: [8_000],
});
const Full = defineJob("test.full", { payload, priority: "low" });
const Fine = defineJob("test.fine", { payload, priority: "high", priorities: ["high", "low"] });

beforeAll(async () => {
  await register(engine.db, "lost", [Lost], []);
  await register(engine.db, "fine", [Fine], []);
  await register(engine.db, "full", [Full], []);
  const policy = { pattern: "^full\\.low$", definition: { "max-length": 1 }, "apply-to": "queues" };
  await management("PUT", `/api/policies/${engine.broker.name}/full`, policy);
});
let relay: Running;
beforeEach(async () => {
  relay = await engine.startRelay({ RELAY_WINDOW: "10" });
});
afterEach(async () => {
  vi.useRealTimers();
  await relay.stop();
  await sql`truncate duly.outbox`.execute(engine.db);
  for (const queue of ["lost.high", "lost.low", "lost.high.retry.8s", "fine.high", "fine.low"])
    await management("DELETE", `/api/queues/${engine.broker.name}/${queue}/contents`);
});

/** Waits until the job came back more than `returns` times; tells how often, and until when it waits (s). */
async function cameBack(id: string, returns: number) {
  return eventually(`${id} to have come back more than ${returns} times`, async () => {
    const rows = await sql<{ returns: number; until: number; now: number }>`
      select returns, extract(epoch from not_before)::float8 as until, extract(epoch from duly.now())::float8 as now
      from duly.outbox where ref = ${id} and returns > ${returns}
    `.execute(engine.db);
    return rows.rows[0];
  });
}

/** Jobs of a service that has no queues, so that they come back; a binding of its key brings them to another's. */
async function homeless(count: number, service: string): Promise<string[]> {
  return engine.db.transaction().execute(async (trx) => {
    const items = Array.from({ length: count }, () => ({ payload: {}, priority: "low" as const }));
    const ids = await enqueueMany(trx, Lost, items);
    await sql`update duly.jobs set service = ${service} where id = any(${ids}::uuid[])`.execute(trx);
    return ids;
  });
}

test("a job that no queue takes backs off ever longer, stops nobody, and arrives once there is one", async () => {
  const { broker, db } = engine;
  // More than a window of them, all before the other one.
  const lost = await homeless(25, "nowhere");
  const id = lost[0]!;
  const fine = await enqueue(db, Fine, {}, { priority: "low" });
  await expectCount("fine.low", 1);
  expect((await broker.takeAll("fine.low"))[0]?.properties.messageId).toBe(fine);

  await cameBack(id, 0);
  for (const before of [0, 1, 2, 3, 40]) {
    const sent = await sql<{ at: number }>`
      update duly.outbox set returns = ${before}, not_before = null where ref = ${id}
      returning extract(epoch from duly.now())::float8 as at
    `.execute(db);
    const { returns, until, now } = await cameBack(id, before);
    // It came back at some time between the two.
    const seconds = Math.min(60, 2 ** (returns - 1));
    expect(until).toBeGreaterThanOrEqual(sent.rows[0]!.at + seconds);
    expect(until).toBeLessThanOrEqual(now + seconds);
  }

  await broker.bind("lost.low", "duly.jobs", "nowhere.#");
  await sql`update duly.outbox set not_before = null`.execute(db);
  await expectCount("lost.low", 25);
  const arrived = (await broker.takeAll("lost.low")).map(({ properties }) => String(properties.messageId));
  expect(arrived.sort()).toEqual(lost.toSorted());
  const states =
    await sql`select distinct state, send from duly.jobs where id = any(${lost}::uuid[])`.execute(db);
  expect(states.rows).toEqual([{ state: "queued", send: 1 }]);
});

test("what younger rows of its lane have overtaken is still found when its wait is over", async () => {
  const { broker, db } = engine;
  const [id] = (await homeless(1, "elsewhere")) as [string];
  await cameBack(id, 0);
  await sql`update duly.outbox set not_before = 'infinity' where ref = ${id}`.execute(db);
  await broker.bind("lost.low", "duly.jobs", "elsewhere.#");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  for (let round = 1; round <= 2; round += 1) {
    await enqueue(db, Fine, {}, { priority: "low" });
    await expectCount("fine.low", round);
    // Longer than the mark lags, shorter than until the next full look.
    vi.setSystemTime(Date.now() + 5_500);
  }
  await sql`update duly.outbox set not_before = duly.now() where ref = ${id}`.execute(db);
  await expectCount("lost.low", 1);
});

async function expectCount(queue: string, count: number): Promise<void> {
  await expect.poll(() => engine.broker.count(queue), { timeout: 15_000 }).toBe(count);
}

/** Deletes the retry exchange of 8 s, and gives a job of which one attempt has just failed, not yet sent again. */
async function withoutRetryExchange() {
  const { broker, db } = engine;
  const id = await enqueue(db, Lost, {});
  await expectCount("lost.high", 1);
  await management("DELETE", `/api/exchanges/${broker.name}/duly.retry.8s`);
  return { id, delayMs: 8_000, onLadder: true, error: { name: "Error", message: "busy" } };
}

test("a retry exchange that is gone holds up only those that need it", async () => {
  const { broker, db } = engine;
  const failed = await withoutRetryExchange();
  const fine = await db.transaction().execute(async (trx) => {
    await retry(trx, failed);
    return enqueue(trx, Fine, {});
  });
  // Gone from the outbox: published, and known to be.
  await eventually("the other job to be published", async () => {
    return (await sql`select from duly.outbox where ref = ${fine}`.execute(db)).rows.length === 0;
  });
  expect(await broker.count("fine.high")).toBeGreaterThanOrEqual(1);
});

test("a retry exchange that is gone is declared again, and the retry finds its wait queue", async () => {
  const failed = await withoutRetryExchange();
  await retry(engine.db, failed);
  await expectCount("lost.high.retry.8s", 1);
});

test("a full queue holds up only its own jobs", async () => {
  const { broker, db } = engine;
  const full = await enqueueMany(
    db,
    Full,
    Array.from({ length: 60 }, () => ({ payload: {} })),
  );
  const fine = await enqueue(db, Fine, {}, { priority: "low" });
  await expectCount("fine.low", 1);
  expect((await broker.takeAll("fine.low"))[0]?.properties.messageId).toBe(fine);
  const left = await sql`select from duly.outbox where ref = any(${full}::uuid[])`.execute(db);
  expect(left.rows.length).toBeGreaterThan(0);
  // With room again they go out, and none is lost.
  const listener = await listenTo(broker.url, "full.low");
  await eventually("all to arrive", async () => {
    await sql`update duly.outbox set not_before = null where not_before is not null`.execute(db);
    return new Set(listener.heard.map(({ id }) => id)).size === full.length;
  });
  await listener.stop();
});
