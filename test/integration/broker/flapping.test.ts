import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { pauseGate, resumeGate } from "#shared/gates/pause-gate.ts";
import { defineJob, enqueueMany, handle } from "#shared/index.ts";
import { gateName } from "#shared/resilience/gate-name.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { declareQueueOf, useRoad } from "../consuming/road.ts";

const engine = useRoad();
const payload = z.object({});

test("a gate that flaps thirty times returns no message to its queue, so none comes near the delivery limit", async () => {
  const { db, broker } = engine;
  const Flapping = defineJob("flap.often", { payload, priority: "high" });
  const Steady = defineJob("flap.never", { payload, priority: "high" });
  const queue = await declareQueueOf(engine, "flap", Flapping);
  await declareQueueOf(engine, "flap", Steady);
  // The third return of a message would take it away.
  const policy = { pattern: `^${queue}$`, definition: { "delivery-limit": 2 }, "apply-to": "queues" };
  await management("PUT", `/api/policies/${broker.name}/few-returns`, policy);
  const ran = new Map<string, number>();
  const perform = async ({ job }: { job: { id: string } }) => {
    ran.set(job.id, (ran.get(job.id) ?? 0) + 1);
    await delay(5); // some are under way and more are prefetched whenever the gate shuts
  };
  const parts = [Flapping, Steady].map((type) => handle(type, { effects: "atLeastOnce", perform }));
  await engine.consume("flap", parts, { high: 5 });
  const items = Array.from({ length: 100 }, () => ({ payload: {} }));
  const ids = [...(await enqueueMany(db, Flapping, items)), ...(await enqueueMany(db, Steady, items))];

  // The type first, so that the consumer goes on with the other one; then all of the queue, and the consumer stops.
  const gates = [gateName.type(Flapping.type), gateName.queue(queue)];
  for (let round = 0; round < 30; round += 1) {
    const gate = gates[round % 2]!;
    await pauseGate(db, { gate, reason: "flapping", until: undefined });
    await delay(20);
    await resumeGate(db, gate);
    await delay(20);
  }
  const states = async () => {
    const rows = await sql<{ state: string; attempt: number; jobs: number }>`
      select state, attempt, count(*)::int as jobs from duly.jobs where id = any(${ids}::uuid[]) group by 1, 2
    `.execute(db);
    return rows.rows;
  };
  await eventually("all to be completed", async () =>
    (await states()).every(({ state }) => state === "completed"),
  );
  expect(await states()).toEqual([{ state: "completed", attempt: 1, jobs: 200 }]);
  expect([...ran.values()].filter((times) => times !== 1)).toEqual([]);
  expect(await broker.count("duly.rejected")).toBe(0);
});
