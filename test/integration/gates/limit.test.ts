import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, dependency, enqueueMany, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add } from "../consuming/road.ts";
import { allReach, gateReaches, jobsOf, useGates } from "./gate-world.ts";

const { engine } = useGates();
const payload = z.object({});
const many = (count: number) => Array.from({ length: count }, () => ({ payload: {} }));

test("a rate limit holds over processes, spends no attempt, and lets the most urgent go first", async () => {
  const ranks = {
    payload,
    priority: "batch",
    priorities: ["critical", "batch"],
    attempts: 1,
    backoff: [],
  } as const;
  const Work = defineJob("limited.work", ranks);
  const calls: { id: string; at: number }[] = [];
  const start = async () => {
    const sms = dependency("sms", { breaker: false, limit: { count: 20, perMs: 1_000 } });
    const perform = async ({ job: { id } }: { job: { id: string } }) =>
      void calls.push({ id, at: Date.now() });
    await engine.consume("limited", [handle(Work, { effects: "keyed", uses: [sms], perform })], {
      critical: 10,
      batch: 10,
    });
  };
  await Promise.all([start(), start()]);
  await enqueueMany(engine.db, Work, many(50));
  await gateReaches(engine, "limit: sms", "shut");
  await eventually("some to be held", async () =>
    (await jobsOf(engine, Work.type)).some((job) => job.waits_for === "limit: sms"),
  );
  const urgent = await add(engine, Work, {}, { priority: "critical" });
  const done = await allReach(engine, Work.type, "completed");
  expect(done.map((job) => job.attempt)).toEqual(done.map(() => 1));
  // Sent once, or once more after one hold.
  expect(new Set(done.map((job) => job.send)).isSubsetOf(new Set([1, 3]))).toBe(true);
  expect(calls).toHaveLength(51);
  const at = calls.map((call) => call.at).toSorted((a, b) => a - b);
  const mostInASecond = Math.max(
    ...at.map((from) => at.filter((to) => to >= from && to < from + 1_000).length),
  );
  expect(mostInASecond).toBeLessThanOrEqual(22); // taken in one order, called in another
  expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeLessThan(6_000);
  // Behind those that had their token when it came.
  expect(calls.findIndex(({ id }) => id === urgent)).toBeLessThan(30);
  await gateReaches(engine, "limit: sms", "clear");
});

test("a full bulkhead keeps a slow dependency from the workers of others on its queue", async () => {
  const Slow = defineJob("bulk.slow", { payload, priority: "high" });
  const Quick = defineJob("bulk.quick", { payload, priority: "high" });
  const slow = dependency("slow", { breaker: false, concurrency: 2 });
  let running = 0;
  let most = 0;
  const perform = async () => {
    running += 1;
    most = Math.max(most, running);
    await delay(60);
    running -= 1;
  };
  await engine.consume(
    "bulk",
    [
      handle(Slow, { effects: "keyed", uses: [slow], perform }),
      handle(Quick, { effects: "keyed", perform: async () => "fine" }),
    ],
    { high: 5 },
  );
  await enqueueMany(engine.db, Slow, many(40));
  await eventually("some to be held", async () =>
    (await jobsOf(engine, Slow.type)).some((job) => job.waits_for === "bulkhead: slow"),
  );
  await enqueueMany(engine.db, Quick, many(20));
  await allReach(engine, Quick.type, "completed");
  expect((await jobsOf(engine, Slow.type)).filter((job) => job.state === "held").length).toBeGreaterThan(10);
  const done = await allReach(engine, Slow.type, "completed");
  expect(most).toBe(2);
  expect(done.map((job) => job.attempt)).toEqual(done.map(() => 1));
});

test("a limit that is registered anew keeps its tokens and takes the new numbers", async () => {
  const Work = defineJob("anew.work", { payload, priority: "high" });
  const start = async (count: number) => {
    const api = dependency("anew", { breaker: false, limit: { count, perMs: 60_000 } });
    const running = await engine.consume("anew", [
      handle(Work, { effects: "keyed", uses: [api], perform: async () => "fine" }),
    ]);
    await running.stop();
  };
  const read = async () => {
    const found = await sql<{ count: number; tokens: number }>`
      select count, floor(tokens)::integer as tokens from duly.gates where name = 'limit: anew'`.execute(
      engine.db,
    );
    return found.rows[0];
  };
  await start(100);
  expect(await read()).toEqual({ count: 100, tokens: 10 });
  await sql`update duly.gates set tokens = 3 where name = 'limit: anew'`.execute(engine.db);
  await start(50);
  expect(await read()).toEqual({ count: 50, tokens: 3 });
});
