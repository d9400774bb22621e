import { sql } from "kysely";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  type Answer,
  cancel,
  defineJob,
  handle,
  RetryableError,
  UnknownOutcomeError,
} from "#shared/index.ts";
import { add, effectsOf, Gate, intentsOf, useRoad } from "../consuming/road.ts";

const Pay = defineJob("test.pay", {
  payload: z.object({ fate: z.string() }),
  priority: "critical",
  attempts: 3,
  backoff: [600_000],
});
const engine = useRoad();
let answer: Answer<string>;
let gate: Gate;
const performed: string[] = [];

beforeEach(() => {
  gate = new Gate();
  answer = { effect: "unknown" };
});

beforeAll(async () => {
  await engine.consume("payer", [
    handle(Pay, {
      effects: "keyed",
      perform: async ({ payload, job, signal }) => {
        performed.push(job.id);
        if (payload.fate === "waits") {
          const aborted = new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(new Error("aborted")));
          });
          await Promise.race([gate.pass(), aborted]);
        }
        if (payload.fate === "refused") {
          await gate.pass();
          throw new RetryableError("declined", "the card was declined", { effect: "none" });
        }
        if (payload.fate === "no answer") throw new UnknownOutcomeError("the line went dead");
        return "paid";
      },
      ask: async () => answer,
      record: async (trx, receipt, { job }) => {
        await trx
          .$extendTables<{ effects: { job: string; note: string } }>()
          .insertInto("effects")
          .values({ job: job.id, note: receipt })
          .execute();
      },
    }),
  ]);
});

test("one that waits for the provider's answer is asked about at once, and cancelled when there was no effect", async () => {
  const id = await add(engine, Pay, { fate: "no answer" });
  await engine.reaches(id, "held");
  answer = { effect: "none" };
  expect(await cancel(engine.db, id, "the payer withdrew")).toBe("requested");
  const job = await engine.reaches(id, "cancelled");
  expect(job.last_error).toMatchObject({ message: "the payer withdrew" });
  expect(performed.filter((one) => one === id)).toHaveLength(1);
  expect(await effectsOf(engine, id)).toEqual([]);
});

test("one whose effect there was is completed all the same", async () => {
  const id = await add(engine, Pay, { fate: "no answer" });
  await engine.reaches(id, "held");
  answer = { effect: "applied", receipt: "paid after all" };
  expect(await cancel(engine.db, id, "too late")).toBe("requested");
  await engine.reaches(id, "completed");
  expect(await effectsOf(engine, id)).toEqual(["paid after all"]);
  expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
});

test("one that nobody can tell of yet goes on waiting, and is settled with the next answer", async () => {
  const id = await add(engine, Pay, { fate: "no answer" });
  const { send } = await engine.reaches(id, "held");
  expect(await cancel(engine.db, id, "no")).toBe("requested");
  const again = await engine.reaches(id, "held");
  expect(again.send).toBeGreaterThanOrEqual(send);
  answer = { effect: "none" };
  await engine.reaches(id, "cancelled");
  expect(performed.filter((one) => one === id)).toHaveLength(1);
});

test("a running one is told at once, and cancelled after its provider was asked", async () => {
  const id = await add(engine, Pay, { fate: "waits" });
  await gate.reached;
  answer = { effect: "none" };
  expect(await cancel(engine.db, id, "the payer withdrew")).toBe("requested");
  const job = await engine.reaches(id, "cancelled");
  expect(job).toMatchObject({ attempt: 0, last_error: { message: "the payer withdrew" } });
  expect(performed.filter((one) => one === id)).toHaveLength(1);
});

test("a running one that had its effect is completed, though its run was cut short", async () => {
  const id = await add(engine, Pay, { fate: "waits" });
  await gate.reached;
  answer = { effect: "applied", receipt: "paid in the last moment" };
  expect(await cancel(engine.db, id, "no")).toBe("requested");
  await engine.reaches(id, "completed");
  expect(await effectsOf(engine, id)).toEqual(["paid in the last moment"]);
});

test("a running one whose provider refuses is cancelled there and then, and not tried again", async () => {
  const id = await add(engine, Pay, { fate: "refused" });
  await gate.reached;
  // As if its holder had not heard of it.
  await sql`update duly.jobs set cancel_requested = true where id = ${id}`.execute(engine.db);
  gate.open();
  expect(await engine.reaches(id, "cancelled")).toMatchObject({ attempt: 0 });
  expect(await intentsOf(engine, id)).toEqual(["1 refused"]);
});

test("a cancelled delivery that is on its way is stale", async () => {
  const id = await add(engine, Pay, { fate: "ok" }, { runAt: new Date(Date.now() + 150) });
  expect(await cancel(engine.db, id, "no")).toBe("cancelled");
  const next = await add(engine, Pay, { fate: "ok" }, { runAt: new Date(Date.now() + 200) });
  await engine.reaches(next, "completed");
  await engine.reaches(id, "cancelled");
  expect(performed).not.toContain(id);
});

test.each(["atLeastOnce", "atMostOnce"] as const)(
  "a job that is cancelled while it waits for its due time ends at once, for nothing had left (%s)",
  async (effects) => {
    const Early = defineJob(`early.${effects.toLowerCase()}`, { payload: z.object({}), priority: "high" });
    let calls = 0;
    const handler = handle(Early, {
      effects,
      perform: async () => {
        calls += 1;
      },
    });
    await engine.consume(`early-${effects.toLowerCase()}`, [handler]);
    const ahead = await engine.startScheduler({ SCHEDULER_AHEAD_MS: "1000" });
    const id = await add(engine, Early, {}, { runAt: new Date(Date.now() + 1_500) });
    await engine.reaches(id, "running");
    expect(await cancel(engine.db, id, "not wanted")).toBe("requested");
    expect((await engine.reaches(id, "cancelled", "dead_lettered", "held")).state).toBe("cancelled");
    expect(calls).toBe(0);
    expect(await intentsOf(engine, id)).toEqual(["1 refused"]);
    await ahead.stop();
  },
);
