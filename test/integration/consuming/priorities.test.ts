import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle, PRIORITIES, type Priority } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { add, Gate, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});

interface ConsumerInfo {
  readonly queue: { readonly name: string };
  readonly prefetch_count: number;
  readonly consumer_tag: string;
  readonly ack_required: boolean;
}

async function consumersOf(service: string, count: number): Promise<ConsumerInfo[]> {
  return eventually(`${count} consumers of ${service}`, async () => {
    const all = (await management("GET", `/api/consumers/${engine.broker.name}`)) as ConsumerInfo[];
    const own = all.filter(({ queue }) => queue.name.startsWith(`${service}.`));
    return own.length === count && own;
  });
}

test.concurrent("batch workers that are all busy delay no critical job", async () => {
  const Slow = defineJob("busy.slow", { payload, priority: "batch" });
  const Urgent = defineJob("busy.urgent", { payload, priority: "critical" });
  const gate = new Gate();
  let running = 0;
  await engine.consume(
    "busy",
    [
      handle(Slow, {
        effects: "keyed",
        perform: async () => {
          running += 1;
          await gate.pass();
        },
      }),
      handle(Urgent, { effects: "keyed", perform: async () => Date.now() }),
    ],
    { batch: 2, critical: 1 },
  );
  await engine.reaches(await add(engine, Urgent, {}), "completed"); // the queues are there
  const items = Array.from({ length: 50 }, () => ({ payload: {} }));
  const slow = await engine.db.transaction().execute((trx) => enqueueMany(trx, Slow, items));
  await eventually("all batch workers to be busy", async () => running === 2);
  const began = Date.now();
  const done = await engine.reaches(await add(engine, Urgent, {}), "completed");
  expect(Number(done.result) - began).toBeLessThan(1_000); // the promise of the class
  expect(running).toBe(2);
  gate.open();
  for (const id of slow) await engine.reaches(id, "completed");
});

test.concurrent("never more handlers run at once than the queue has workers", async () => {
  const Work = defineJob("limit.work", { payload, priority: "medium", priorities: ["medium", "low"] });
  const most: Partial<Record<Priority, number>> = {};
  const now: Partial<Record<Priority, number>> = {};
  const full = { medium: new Gate(), low: new Gate() };
  const handler = handle(Work, {
    effects: "keyed",
    perform: async ({ job: { priority } }) => {
      const running = (now[priority] ?? 0) + 1;
      now[priority] = running;
      most[priority] = Math.max(most[priority] ?? 0, running);
      if (priority === "medium" || priority === "low") await full[priority].pass();
      now[priority] = running - 1;
    },
  });
  await engine.consume("limit", [handler], { medium: 4, low: 1 });
  const items = PRIORITIES.filter((priority) => priority === "medium" || priority === "low").flatMap(
    (priority) => Array.from({ length: 12 }, () => ({ payload: {}, priority })),
  );
  const ids = await engine.db.transaction().execute((trx) => enqueueMany(trx, Work, items));
  await eventually("all workers to be busy", async () => now.medium === 4 && now.low === 1);
  full.medium.open();
  full.low.open();
  for (const id of ids) await engine.reaches(id, "completed");
  expect(most).toEqual({ medium: 4, low: 1 });
});

test.concurrent("prefetch is twice the workers where something performs, less for very long work, else 400", async () => {
  const minute = 60_000;
  const Long = defineJob("prefetch.long", { payload, priority: "low", timeoutMs: 20 * minute });
  const Short = defineJob("prefetch.short", { payload, priority: "high", timeoutMs: minute });
  const Mixed = defineJob("prefetch.mixed", { payload, priority: "high" });
  const Group = defineJob("prefetch.group", { payload, priority: "batch" });
  const performs = { effects: "keyed" as const, perform: async () => undefined };
  const records = { record: async () => undefined };
  await engine.consume(
    "prefetch",
    [handle(Long, performs), handle(Short, performs), handle(Mixed, records), handle(Group, records)],
    { low: 4, high: 7, batch: 3 },
  );
  const consumers = await consumersOf("prefetch", 3);
  const prefetch = Object.fromEntries(consumers.map((one) => [one.queue.name, one.prefetch_count]));
  expect(prefetch).toEqual({ "prefetch.low": 5, "prefetch.high": 14, "prefetch.batch": 400 });
  for (const one of consumers) {
    expect(one.consumer_tag.startsWith(`${one.queue.name}@`)).toBe(true);
    expect(one.ack_required).toBe(true);
  }
});

test.concurrent("WORKERS_… and PRIORITIES of the environment go before the service's own", async () => {
  const Work = defineJob("settings.work", { payload, priority: "high", priorities: ["high", "low"] });
  const handler = handle(Work, { effects: "keyed", perform: async () => undefined });
  await engine.consume(
    "settings",
    [handler],
    { high: 3 },
    { WORKERS_HIGH: "9", PRIORITIES: "critical,high" },
  );
  const [only] = await consumersOf("settings", 1);
  expect(only).toMatchObject({ queue: { name: "settings.high" }, prefetch_count: 18 });
});

test("work longer than RabbitMQ leaves a delivery unacked cannot be defined", () => {
  const define = (minutes: number) =>
    defineJob("endless.work", { payload, priority: "low", timeoutMs: minutes * 60_000 });
  expect(() => define(26)).toThrow(/timeoutMs/);
  expect(define(20).timeoutMs).toBe(1_200_000);
});
