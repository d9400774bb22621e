import { sql } from "kysely";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { retry } from "#shared/jobs/retry.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { listenTo } from "./listener.ts";

const engine = useEngine();
const payload = z.object({});
const Lost = defineJob("test.lost", { payload, priority: "high", priorities: ["high", "low"], attempts: 9, backoff: [8_000] });
const Fine = defineJob("test.fine", { payload, priority: "high", priorities: ["high", "low"] });

beforeAll(async () => {
  await register(engine.db, "lost", [Lost], []);
  await register(engine.db, "fine", [Fine], []);
  await engine.startRelay({ RELAY_WINDOW: "10" });
});
afterEach(async () => {
  vi.useRealTimers();
  await sql`truncate duly.outbox`.execute(engine.db);
});

async function rowOf(id: string, returns: number) {
  return eventually(`${id} to have come back ${returns} times`, async () => {
    const rows = await sql<{ id: string; waits: number }>`
      select id, extract(epoch from not_before - duly.now())::float8 as waits from duly.outbox
      where ref = ${id} and returns = ${returns}
    `.execute(engine.db);
    return rows.rows[0];
  });
}

async function lookAgainNow(id: string): Promise<void> {
  await sql`update duly.outbox set not_before = duly.now() where ref = ${id}`.execute(engine.db);
}

test("a job that no queue takes backs off ever longer, stops nobody, and arrives once there is one", async () => {
  const { broker, db } = engine;
  await broker.unbind("lost.high", "duly.jobs", "lost.high.#");
  // More than a window of them, all before the others.
  const lost = await enqueueMany(
    db,
    Lost,
    Array.from({ length: 25 }, () => ({ payload: {} })),
  );
  const id = lost[0]!;
  const fine = await enqueue(db, Fine, {});
  await eventually("the other job to arrive", async () => (await broker.count("fine.high")) === 1);
  expect((await broker.takeAll("fine.high"))[0]?.properties.messageId).toBe(fine);

  const waits: number[] = [];
  for (const returns of [1, 2, 3, 4]) {
    waits.push((await rowOf(id, returns)).waits);
    await lookAgainNow(id);
  }
  for (const [place, seconds] of [1, 2, 4, 8].entries()) {
    expect(waits[place]).toBeLessThanOrEqual(seconds);
    expect(waits[place]).toBeGreaterThan(seconds - 0.9);
  }
  await sql`update duly.outbox set returns = 40 where ref = ${id}`.execute(db);
  await lookAgainNow(id);
  expect((await rowOf(id, 41)).waits).toBeLessThanOrEqual(60);

  await broker.bind("lost.high", "duly.jobs", "lost.high.#");
  await sql`update duly.outbox set not_before = duly.now()`.execute(db);
  await eventually("the jobs to arrive", async () => (await broker.count("lost.high")) === 25);
  const arrived = (await broker.takeAll("lost.high")).map(({ properties }) => String(properties.messageId));
  expect(arrived.sort()).toEqual(lost.toSorted());
  expect((await sql`select from duly.jobs where state <> 'queued'`.execute(db)).rows).toEqual([]);
});

test("what younger rows of its lane have overtaken is still found when its wait is over", async () => {
  const { broker, db } = engine;
  await broker.unbind("lost.low", "duly.jobs", "lost.low.#");
  const id = await enqueue(db, Lost, {}, { priority: "low" });
  await rowOf(id, 1);
  await sql`update duly.outbox set not_before = 'infinity' where ref = ${id}`.execute(db);
  await broker.bind("lost.low", "duly.jobs", "lost.low.#");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  for (let round = 1; round <= 3; round += 1) {
    await enqueue(db, Fine, {}, { priority: "low" });
    await eventuallyCount("fine.low", round);
    // Longer than the mark lags, shorter than until the next full look.
    vi.setSystemTime(Date.now() + 5_500);
  }
  await lookAgainNow(id);
  await eventuallyCount("lost.low", 1);
});

async function eventuallyCount(queue: string, count: number): Promise<void> {
  await expect.poll(() => engine.broker.count(queue), { timeout: 3_000 }).toBe(count);
}

test("a retry exchange that is gone holds up only those that need it", async () => {
  const { broker, db } = engine;
  await management("DELETE", `/api/exchanges/${broker.name}/duly.retry.8s`);
  const id = await enqueue(db, Lost, {});
  await eventuallyCount("lost.high", 1);
  await retry(db, { id, delayMs: 8_000, onLadder: true, error: { name: "Error", message: "busy" } });
  const fine = await enqueue(db, Fine, {});
  await eventuallyCount("fine.high", 1);
  expect((await broker.takeAll("fine.high"))[0]?.properties.messageId).toBe(fine);
});

test("a full queue holds up only its own jobs", async () => {
  const { broker, db } = engine;
  const policy = `/api/policies/${broker.name}/full`;
  await management("PUT", policy, { pattern: "^lost.low$", definition: { "max-length": 1 }, "apply-to": "queues" });
  try {
    await eventually("the policy to be in force", async () => {
      const queue = (await management("GET", `/api/queues/${broker.name}/lost.low`)) as Record<string, unknown>;
      return queue["policy"] === "full";
    });
    const listener = await listenTo(broker.url, "fine.low");
    await enqueueMany(
      db,
      Lost,
      Array.from({ length: 40 }, () => ({ payload: {}, priority: "low" as const })),
    );
    const fine = await enqueue(db, Fine, {}, { priority: "low" });
    await eventually("the other service's job to arrive", async () =>
      listener.heard.some((heard) => heard.id === fine),
    );
    await listener.stop();
  } finally {
    await management("DELETE", policy);
  }
}, 20_000);
