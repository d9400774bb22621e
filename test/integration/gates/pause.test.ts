import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { pauseGate, resumeGate } from "#shared/gates/pause-gate.ts";
import { reopenForgotten } from "#shared/gates/reopen-forgotten.ts";
import { defineJob, enqueueMany, handle } from "#shared/index.ts";
import { gateName } from "#shared/resilience/gate-name.ts";
import { eventually } from "../../support/eventually.ts";
import { add, effectsOf } from "../consuming/road.ts";
import { allReach, gateOf, gateReaches, jobsOf, useGates } from "./gate-world.ts";

const { engine, advance } = useGates();
const payload = z.object({});
const ranks = { payload, priority: "batch", priorities: ["high", "batch"] } as const;

function pause(gate: string) {
  return pauseGate(engine.db, { gate, reason: undefined, until: undefined });
}

/**
 * A service with two types on the same queues, started while `gate` is paused, as it then knows from the beginning;
 * `ran` is the order in which the jobs of the first ran.
 */
async function start(name: string, gate?: string) {
  if (gate !== undefined) await pause(gate);
  const Work = defineJob(`${name}.work`, ranks);
  const Other = defineJob(`${name}.other`, ranks);
  const ran: string[] = [];
  const work = handle(Work, { effects: "keyed", perform: async ({ job }) => ran.push(job.id) });
  const other = handle(Other, { effects: "keyed", perform: async () => "fine" });
  await engine.consume(name, [work, other], { high: 1, batch: 1 });
  return { Work, Other, ran };
}

test("a paused type is held without an attempt, its queue goes on, and resuming sends it by priority and number", async () => {
  const gate = gateName.type("type.work");
  const { Work, Other, ran } = await start("type", gate);
  const batch = await enqueueMany(
    engine.db,
    Work,
    Array.from({ length: 40 }, () => ({ payload: {} })),
  );
  const high = await add(engine, Work, {}, { priority: "high" });
  const held = await allReach(engine, Work.type, "held");
  expect(held).toMatchObject(held.map(() => ({ attempt: 0, send: 2, waits_for: gate })));
  await engine.reaches(await add(engine, Other, {}), "completed");
  await resumeGate(engine.db, gate);
  const done = await allReach(engine, Work.type, "completed");
  expect(done.map((job) => job.send)).toEqual(done.map(() => 3));
  expect(ran.filter((id) => id !== high)).toEqual(batch);
  expect(ran.indexOf(high)).toBeLessThan(3); // alone in its own queue, sent first
});

test("held jobs come on a ramp, not all at once", async () => {
  const { Work, ran } = await start("ramp", gateName.type("ramp.work"));
  await enqueueMany(
    engine.db,
    Work,
    Array.from({ length: 12 }, () => ({ payload: {} })),
  );
  await allReach(engine, Work.type, "held");
  // The outbox keeps them: what is seen there is what was released.
  await sql`
    create table ramp (size integer, at timestamptz default clock_timestamp())`.execute(engine.db);
  await sql`
    create function note_ramp() returns trigger language plpgsql as $$ begin
      insert into ramp (size) select count(*) from released r join duly.jobs j on j.id = r.ref where j.type = 'ramp.work';
      return null; end $$`.execute(engine.db);
  await sql`create trigger note_ramp after insert on duly.outbox referencing new table as released
    for each statement execute function note_ramp()`.execute(engine.db);
  await resumeGate(engine.db, gateName.type(Work.type));
  await allReach(engine, Work.type, "completed");
  await sql`drop trigger note_ramp on duly.outbox`.execute(engine.db);
  const steps = await sql<{ size: number; ms: number }>`
    select size, extract(epoch from at - lag(at) over (order by at))::float8 * 1000 as ms from ramp where size > 0 order by at
  `.execute(engine.db);
  expect(steps.rows.map(({ size }) => size)).toEqual([1, 2, 4, 5]);
  for (const { ms } of steps.rows.slice(1)) expect(ms).toBeGreaterThan(90);
  expect(ran).toHaveLength(12);
});

test("a pause ends by itself, and one that repeats changes its end", async () => {
  const { Work } = await start("until");
  const gate = gateName.type(Work.type);
  for (const minutes of [10, 20]) {
    const until = new Date(Date.now() + minutes * 60_000);
    await pauseGate(engine.db, { gate, reason: undefined, until });
  }
  const id = await eventually("the consumer to know", async () => {
    const added = await add(engine, Work, {});
    return (await engine.reaches(added, "held", "completed")).state === "held" && added;
  });
  await advance(19 * 60_000);
  expect((await gateOf(engine, gate))?.state).toBe("shut");
  await advance(61_000);
  await engine.reaches(id, "completed");
  await advance(5_000);
  await gateReaches(engine, gate, "none");
});

test("a paused queue keeps its deliveries in RabbitMQ, and other queues of the service go on", async () => {
  const { Work, ran } = await start("queue", gateName.queue("queue.batch"));
  const waiting = await enqueueMany(
    engine.db,
    Work,
    Array.from({ length: 5 }, () => ({ payload: {} })),
  );
  await eventually("all to wait", async () => {
    const held = (await jobsOf(engine, Work.type)).filter(({ state }) => state === "held").length;
    return (await engine.broker.count("queue.batch")) === 5 - held;
  });
  await engine.reaches(await add(engine, Work, {}, { priority: "high" }), "completed");
  expect(ran).toHaveLength(1);
  await resumeGate(engine.db, gateName.queue("queue.batch"));
  for (const id of waiting) expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
});

test("jobs with database effects only are paused too", async () => {
  const Write = defineJob("write.work", { payload, priority: "medium" });
  const Other = defineJob("write.other", { payload, priority: "medium" });
  const write = handle(Write, {
    record: async (trx, _, { job }) => {
      await sql`insert into effects (job, note) values (${job.id}, 'written')`.execute(trx);
    },
  });
  const gate = gateName.type("write.work");
  await pause(gate);
  await engine.consume("write", [write, handle(Other, { record: async () => "fine" })]);
  const ids = await enqueueMany(
    engine.db,
    Write,
    Array.from({ length: 30 }, () => ({ payload: {} })),
  );
  await allReach(engine, Write.type, "held");
  await engine.reaches(await add(engine, Other, {}), "completed");
  await resumeGate(engine.db, gate);
  await allReach(engine, Write.type, "completed");
  for (const id of ids) expect(await effectsOf(engine, id)).toEqual(["written"]);
});

test("a job that was held while its gate opened is not forgotten", async () => {
  const { Work } = await start("forgotten", gateName.type("forgotten.work"));
  const id = await add(engine, Work, {});
  await engine.reaches(id, "held");
  // As if it had committed its hold just after the last one was released.
  await sql`delete from duly.gates where name = 'pause: type forgotten.work'`.execute(engine.db);
  expect(await reopenForgotten(engine.db)).toEqual(["pause: type forgotten.work"]);
  await engine.reaches(id, "completed");
});
