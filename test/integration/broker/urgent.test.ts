import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany, handle } from "#shared/index.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const engine = useEngine();
const payload = z.object({});
/** The promise of the class: how long after its commit a critical job starts, at most. */
const WITHIN_MS = 1_000;

// Small batches, so that the relay's order matters.
beforeAll(() => engine.startRelay({ RELAY_WINDOW: "100" }));

async function outbox(): Promise<number> {
  const rows = await sql<{ n: number }>`select count(*)::int as n from duly.outbox`.execute(engine.db);
  return rows.rows[0]?.n ?? 0;
}

test("ten thousand long batch jobs, in the outbox and then in the broker, make no critical job late", async () => {
  const Slow = defineJob("crowd.slow", { payload, priority: "batch" });
  const Urgent = defineJob("crowd.urgent", { payload, priority: "critical" });
  let running = 0;
  const forEver = ({ signal }: { signal: AbortSignal }) => {
    running += 1;
    return new Promise<void>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error)),
    );
  };
  const consumer = await engine.consume(
    "crowd",
    [
      handle(Slow, { effects: "keyed", perform: forEver }),
      handle(Urgent, { effects: "keyed", perform: async () => Date.now() }),
    ],
    { batch: 2, critical: 2 },
  );
  const latencies = async (times: number) => {
    const took: number[] = [];
    for (let n = 0; n < times; n += 1) {
      const from = Date.now();
      const { result } = await engine.reaches(await enqueue(engine.db, Urgent, {}), "completed");
      took.push(Number(result) - from);
    }
    return took.toSorted((a, b) => a - b);
  };
  const idle = await latencies(10);

  const items = Array.from({ length: 10_000 }, () => ({ payload: {} }));
  await enqueueMany(engine.db, Slow, items);
  const whileSending = await latencies(10);
  await eventually("all to be in the broker", async () => (await outbox()) === 0, 30_000);
  expect(running).toBe(2);
  const whileWaiting = await latencies(10);

  expect(await engine.broker.count("crowd.batch")).toBe(10_000 - 4); // its prefetch: twice its workers
  expect(whileSending.at(-1)).toBeLessThan(WITHIN_MS);
  expect(whileWaiting.at(-1)).toBeLessThan(WITHIN_MS);
  // With the relay at rest again it is as it was: the medians differ by the machine's noise.
  expect(whileWaiting[5]! - idle[5]!).toBeLessThan(100);
  await consumer.stop(0);
});

test("batch work goes on under an endless load of critical jobs", async () => {
  const Batch = defineJob("flood.batch", { payload, priority: "batch" });
  const Urgent = defineJob("flood.urgent", { payload, priority: "critical" });
  await engine.consume("flood", [
    handle(Batch, { effects: "keyed", perform: async () => undefined }),
    handle(Urgent, { effects: "keyed", perform: async () => undefined }),
  ]);
  const over = new AbortController();
  const unfinished = async () => {
    const rows = await sql<{ n: number }>`
      select count(*)::int as n from duly.jobs where type = ${Urgent.type} and state <> 'completed'`.execute(
      engine.db,
    );
    return rows.rows[0]?.n ?? 0;
  };
  const flood = (async () => {
    const items = Array.from({ length: 200 }, () => ({ payload: {} }));
    let least = Number.POSITIVE_INFINITY;
    while (!over.signal.aborted) {
      await enqueueMany(engine.db, Urgent, items);
      const left = await eventually("fewer than a thousand", async () => {
        const now = await unfinished();
        return now < 1_000 && { now };
      });
      least = Math.min(least, left.now);
    }
    return least;
  })();
  await eventually("a backlog of critical jobs", async () => (await unfinished()) > 300);
  const items = Array.from({ length: 30 }, () => ({ payload: {} }));
  const ids = await enqueueMany(engine.db, Batch, items);
  for (const id of ids) expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  expect(await unfinished()).toBeGreaterThan(0);
  over.abort();
  await flood;
});
