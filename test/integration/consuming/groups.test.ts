import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle, type JobDefinition, PermanentError } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, declareQueueOf, effectsOf, Gate, holds, lettersOf, putSend, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({ place: z.number() });

/** Enqueues many jobs and waits until all lie in the queue, so that a consumer finds them together. */
async function backlog(service: string, definition: JobDefinition<{ place: number }>, count: number) {
  const queue = await declareQueueOf(engine, service, definition);
  const items = Array.from({ length: count }, (_, place) => ({ payload: { place } }));
  const ids = await engine.db.transaction().execute((trx) => enqueueMany(trx, definition, items));
  await holds(engine, queue, count);
  return { queue, ids };
}

interface Outcome {
  state: string;
  attempt: number;
  claim: number;
  effects: number;
  jobs: number;
}

/** How the jobs of a type ended, and how many effects each kind has. */
async function outcomes(type: string): Promise<Outcome[]> {
  const rows = await sql<Outcome>`
    select state, attempt, claim, sum(effects)::int as effects, count(*)::int as jobs from (
      select j.state, j.attempt, j.claim, (select count(*) from effects e where e.job = j.id) as effects
      from duly.jobs j where j.type = ${type}) j
    group by state, attempt, claim order by jobs desc, state`.execute(engine.db);
  return rows.rows;
}

async function ended(type: string): Promise<void> {
  await eventually(`all ${type} to end`, async () =>
    (await outcomes(type)).every(({ state }) => state === "completed" || state === "dead_lettered"),
  );
}

test.concurrent("recordAll gets many at once, and each is completed in its own first attempt", async () => {
  const Work = defineJob("many.work", { payload, priority: "high" });
  const { queue } = await backlog("many", Work, 120);
  const sizes: number[] = [];
  const handler = handle(Work, {
    recordAll: async (trx, items) => {
      sizes.push(items.length);
      const ids = items.map((item) => item.job.id);
      await sql`insert into effects (job) select unnest(${ids}::uuid[])`.execute(trx);
    },
  });
  const consumer = await engine.consume("many", [handler]);
  await ended("many.work");
  await consumer.stop();
  expect(await outcomes("many.work")).toEqual([
    { state: "completed", attempt: 1, claim: 0, effects: 120, jobs: 120 },
  ]);
  expect(Math.max(...sizes)).toBeGreaterThan(20);
  expect(await engine.broker.count(queue)).toBe(0);
});

test.concurrent("one bad job in a group is settled alone and the others complete exactly once", async () => {
  const Work = defineJob("bad.work", { payload, priority: "high", attempts: 2, backoff: [10] });
  const { ids } = await backlog("bad", Work, 50);
  let groups = 0;
  const handler = handle(Work, {
    recordAll: async (trx, items) => {
      groups += 1;
      for (const {
        job,
        payload: { place },
      } of items) {
        await sql`insert into effects (job) values (${job.id})`.execute(trx);
        if (place === 20) throw new Error("this one is bad");
        if (place === 30) throw new PermanentError("worse", "this one is worse");
      }
    },
    recordFailure: async (trx, error, { job }) =>
      sql`insert into effects (job, note) values (${job.id}, ${error.message})`.execute(trx),
  });
  await engine.consume("bad", [handler]);
  await ended("bad.work");
  expect(await outcomes("bad.work")).toEqual([
    { state: "completed", attempt: 1, claim: 0, effects: 48, jobs: 48 },
    { state: "dead_lettered", attempt: 1, claim: 0, effects: 1, jobs: 1 },
    { state: "dead_lettered", attempt: 2, claim: 0, effects: 1, jobs: 1 },
  ]);
  expect(await lettersOf(engine, ids[20] ?? "")).toMatchObject([
    { reason: "attempts_exhausted", attempts: 2 },
  ]);
  expect(await lettersOf(engine, ids[30] ?? "")).toMatchObject([{ reason: "permanent_error", attempts: 1 }]);
  expect(await effectsOf(engine, ids[20] ?? "")).toEqual(["this one is bad"]);
  // Found by halving: two of fifty cost some two dozen transactions, where one by one would be more than fifty.
  expect(groups).toBeLessThan(40);
});

for (const [name, code] of [
  ["a serialisation failure", "40001"],
  ["a deadlock", "40P01"],
] as const) {
  test.concurrent(`${name} spends no attempt of a recorded or a performed job`, async () => {
    const service = `code-${code.toLowerCase()}`;
    const Record = defineJob(`${service}.record`, { payload, priority: "high", attempts: 1, backoff: [] });
    const Perform = defineJob(`${service}.perform`, { payload, priority: "high", attempts: 1, backoff: [] });
    await backlog(service, Record, 30);
    const recorded: number[] = [];
    let performed = 0;
    let thrown = 0;
    const fail = sql.raw(`do $$ begin raise exception 'forced' using errcode = '${code}'; end $$`);
    await engine.consume(service, [
      handle(Record, {
        recordAll: async (trx, items) => {
          const isFirst = recorded.push(items.length) === 1;
          const ids = items.map((item) => item.job.id);
          await sql`insert into effects (job) select unnest(${ids}::uuid[])`.execute(trx);
          if (isFirst) await fail.execute(trx);
        },
      }),
      handle(Perform, {
        effects: "atMostOnce",
        perform: async () => void (performed += 1),
        record: async (trx, _, { job }) => {
          await sql`insert into effects (job) values (${job.id})`.execute(trx);
          if (thrown++ === 0) await fail.execute(trx);
        },
      }),
    ]);
    await ended(Record.type);
    expect(await outcomes(Record.type)).toEqual([
      { state: "completed", attempt: 1, claim: 0, effects: 30, jobs: 30 },
    ]);
    expect(recorded.reduce((sum, size) => sum + size, 0)).toBe(30 + (recorded[0] ?? 0)); // the group ran again whole
    const id = await add(engine, Perform, { place: 0 });
    expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
      state: "completed",
      attempt: 1,
    });
    expect(await effectsOf(engine, id)).toEqual([null]);
    expect([performed, thrown]).toEqual([1, 2]);
  });
}

test.concurrent("performing and recording handlers share a queue", async () => {
  const Record = defineJob("mixed.record", { payload, priority: "high" });
  const Perform = defineJob("mixed.perform", { payload, priority: "high" });
  const records = await backlog("mixed", Record, 40);
  const gate = new Gate();
  await engine.consume(
    "mixed",
    [
      handle(Record, {
        record: async (trx, _, { job }) => sql`insert into effects (job) values (${job.id})`.execute(trx),
      }),
      handle(Perform, {
        effects: "keyed",
        perform: () => gate.pass(),
        record: async (trx, _, { job }) =>
          void (await sql`insert into effects (job) values (${job.id})`.execute(trx)),
      }),
    ],
    { high: 3 },
  );
  const performing = await add(engine, Perform, { place: 0 });
  await gate.reached;
  const behind = await add(engine, Record, { place: 41 });
  await engine.reaches(behind, "completed"); // a busy worker does not keep records waiting
  await ended(Record.type);
  gate.open();
  await engine.reaches(performing, "completed");
  expect(await outcomes(Record.type)).toEqual([
    { state: "completed", attempt: 1, claim: 0, effects: 41, jobs: 41 },
  ]);
  expect(await effectsOf(engine, performing)).toEqual([null]);
  expect(records.ids).toHaveLength(40);
});

test.concurrent("two copies of a job in one group have one effect", async () => {
  const Work = defineJob("copies.work", { payload, priority: "high" });
  const { queue, ids } = await backlog("copies", Work, 3);
  const messages = await engine.broker.takeAll(queue);
  for (const { content, properties } of [...messages, ...messages]) {
    const id = String(properties.messageId);
    const copy = { type: Work.type, id, send: 1, payload: JSON.parse(content.toString()) as unknown };
    await putSend(engine, queue, copy);
  }
  await holds(engine, queue, 6);
  const handler = handle(Work, {
    recordAll: async (trx, items) =>
      sql`insert into effects (job) select unnest(${items.map((item) => item.job.id)}::uuid[])`.execute(trx),
  });
  const consumer = await engine.consume("copies", [handler]);
  await ended("copies.work");
  await eventually("an empty queue", async () => (await engine.broker.count(queue)) === 0);
  await consumer.stop();
  expect(await outcomes("copies.work")).toEqual([
    { state: "completed", attempt: 1, claim: 0, effects: 3, jobs: 3 },
  ]);
  for (const id of ids) expect(await lettersOf(engine, id)).toEqual([]);
  expect(await engine.broker.count(queue)).toBe(0);
});
