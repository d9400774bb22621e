import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, type Effects, enqueue, enqueueMany, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, declareQueueOf, effectsOf, Gate, holds, intentsOf, published, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});

async function heartbeats(service: string): Promise<Date[]> {
  const rows = await sql<{ seen_at: Date }>`
    select seen_at from duly.consumers where service = ${service}`.execute(engine.db);
  return rows.rows.map((row) => row.seen_at);
}

test.concurrent("a drain finishes what runs and gives back what has not begun, untouched", async () => {
  const Work = defineJob("drain.work", { payload, priority: "high" });
  const Record = defineJob("drain.record", { payload, priority: "high" });
  const queue = await declareQueueOf(engine, "drain", Work);
  await declareQueueOf(engine, "drain", Record);
  const gate = new Gate();
  let performed = 0;
  const perform = async () => {
    performed += 1;
    await gate.pass();
  };
  const parts = [
    handle(Work, { effects: "keyed", perform }),
    handle(Record, { record: async () => undefined }),
  ];
  const consumer = await engine.consume("drain", parts, { high: 2 });
  const ids = await engine.db.transaction().execute((trx) =>
    enqueueMany(
      trx,
      Work,
      Array.from({ length: 6 }, () => ({ payload: {} })),
    ),
  );
  await eventually("both workers to be busy", async () => performed === 2);
  const stopped = consumer.stop(20_000);
  const late = await add(engine, Record, {});
  await eventually("the late one in the queue", async () => (await engine.broker.count(queue)) > 0);
  gate.open();
  const opened = Date.now();
  await stopped;
  expect(Date.now() - opened).toBeLessThan(5_000); // it waits for what runs, not for its time to be over
  expect(await heartbeats("drain")).toEqual([]);
  const states = await sql<{ state: string; send: number; claim: number; attempt: number; jobs: number }>`
    select state, send, claim, attempt, count(*)::int as jobs from duly.jobs where id = any(${[...ids, late]}::uuid[])
    group by 1, 2, 3, 4 order by 1`.execute(engine.db);
  expect(states.rows).toEqual([
    { state: "queued", send: 1, claim: 0, attempt: 0, jobs: 5 },
    { state: "completed", send: 1, claim: 1, attempt: 1, jobs: 2 },
  ]);
  expect(performed).toBe(2);
  await eventually("all five to be back", async () => (await engine.broker.count(queue)) === 5);
  await engine.consume("drain", parts);
  for (const id of [...ids, late])
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, send: 1 });
  expect(performed).toBe(6);
});

test.concurrent("what has not begun goes to others while the drain still waits for what runs", async () => {
  const Work = defineJob("handing.work", { payload: z.object({ place: z.number() }), priority: "high" });
  await declareQueueOf(engine, "handing", Work);
  const gate = new Gate();
  const handler = handle(Work, {
    effects: "keyed",
    perform: async ({ payload: { place } }) => {
      if (place === 0) await gate.pass();
    },
  });
  const first = await engine.consume("handing", [handler], { high: 1 });
  const slow = await add(engine, Work, { place: 0 });
  await gate.reached;
  const waiting = await add(engine, Work, { place: 1 }); // in the first's hands, behind the slow one
  await published(engine, waiting);
  await holds(engine, "handing.high", 0);
  const stopped = first.stop(20_000);
  await engine.consume("handing", [handler], { high: 1 });
  expect(await engine.reaches(waiting, "completed")).toMatchObject({ attempt: 1, claim: 1, send: 1 });
  expect(await engine.reaches(slow, "running")).toMatchObject({ claim: 1 });
  gate.open();
  await stopped;
  expect(await engine.reaches(slow, "completed")).toMatchObject({ claim: 1 });
});

test.concurrent("a job that a drain interrupts is queued again under the same send, and in doubt only if it had begun", async () => {
  const service = "interrupted";
  const Work = defineJob("interrupted.work", { payload, priority: "high" });
  const Early = defineJob("interrupted.early", { payload, priority: "high" });
  await declareQueueOf(engine, service, Work);
  await declareQueueOf(engine, service, Early);
  const gate = new Gate();
  let ran = 0;
  const parts = [
    handle(Work, { effects: "keyed", perform: () => gate.pass() }),
    handle(Early, { effects: "atMostOnce", perform: async () => void (await Promise.resolve(ran++)) }),
  ];
  const first = await engine.consume(service, parts, { high: 2 });
  const begun = await add(engine, Work, {});
  const early = await engine.db.transaction().execute(async (trx) => {
    const id = await enqueue(trx, Early, {});
    // As when the scheduler sends it ahead of its time: it is taken, and waits to be due.
    await sql`update duly.jobs set run_at = duly.now() + interval '900 ms' where id = ${id}`.execute(trx);
    return id;
  });
  await Promise.all([gate.reached, engine.reaches(early, "running")]);
  await first.stop(0);
  const left =
    await sql`select state, send, attempt, holder from duly.jobs where service = ${service}`.execute(
      engine.db,
    );
  const givenBack = { state: "queued", send: 1, attempt: 0, holder: null };
  expect(left.rows).toEqual([givenBack, givenBack]);
  expect(await intentsOf(engine, begun)).toEqual(["1 unknown"]);
  expect(await intentsOf(engine, early)).toEqual(["1 unsent"]);
  gate.open();
  await engine.consume(service, parts, { high: 2 });
  for (const id of [begun, early])
    expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
      state: "completed",
      claim: 2,
      attempt: 1,
      send: 1,
    });
  expect(ran).toBe(1);
});

for (const effects of ["keyed", "atLeastOnce"] satisfies Effects[]) {
  test.concurrent(`a ${effects} job that does not end in time is aborted and taken over by the next process at once`, async () => {
    const service = `hurry-${effects.toLowerCase()}`;
    const Work = defineJob(`${service}.work`, { payload, priority: "high", attempts: 1, backoff: [] });
    await declareQueueOf(engine, service, Work);
    const deaf = new Gate();
    const keys: string[] = [];
    const aborted: boolean[] = [];
    const handler = (name: string) =>
      handle(Work, {
        effects,
        perform: async ({ intent, signal }) => {
          keys.push(intent.key);
          if (name === "first") await deaf.pass();
          aborted.push(signal.aborted);
          return name;
        },
        record: async (trx, receipt, { job }) => {
          await sql`insert into effects (job, note) values (${job.id}, ${receipt})`.execute(trx);
        },
      });
    const first = await engine.consume(service, [handler("first")], { high: 1 });
    const id = await add(engine, Work, {});
    await deaf.reached;
    const second = await engine.consume(service, [handler("second")], { high: 1 });
    const began = Date.now();
    await first.stop(50);
    expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
      state: "completed",
      attempt: 1,
      claim: 2,
    });
    expect(Date.now() - began).toBeLessThan(2_500); // not the sweep's doing
    deaf.open();
    await eventually("the first to notice", async () => aborted.length === 2);
    await second.stop();
    expect(aborted).toEqual([false, true]); // the second, then the first at last
    expect(keys).toEqual([`${id}.1`, `${id}.1`]);
    expect(await effectsOf(engine, id)).toEqual(["second"]);
  });
}

test.concurrent("a process that hurries signs off before its deliveries go to others", async () => {
  const Work = defineJob("leaving.work", { payload, priority: "high", attempts: 1, backoff: [] });
  await declareQueueOf(engine, "leaving", Work);
  const deaf = new Gate();
  const handler = (name: string) =>
    handle(Work, {
      effects: "atLeastOnce",
      perform: async ({ job }) => {
        if (name === "first") await deaf.pass();
        return `${name} ran ${job.id}`;
      },
    });
  const first = await engine.consume("leaving", [handler("first")], { high: 1 });
  const id = await add(engine, Work, {});
  await deaf.reached;
  const leaving = Promise.withResolvers<void>();
  const hold = engine.db.transaction().execute(async (trx) => {
    await sql`select from duly.consumers where service = 'leaving' for update`.execute(trx); // its sign-off has to wait
    await engine.consume("leaving", [handler("second")], { high: 1 });
    leaving.resolve();
    await eventually("the sign-off to wait", async () => {
      const waiting = await sql`
        select from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete from duly.consumers%'`.execute(
        engine.db,
      );
      return waiting.rows.length > 0;
    });
    // Whatever came back to the queue by now, the second has dealt with before this one.
    await engine.reaches(await add(engine, Work, {}), "completed");
  });
  await leaving.promise;
  await Promise.all([first.stop(0), hold]);
  expect(await engine.reaches(id, "completed")).toMatchObject({
    claim: 2,
    attempt: 1,
    result: `second ran ${id}`,
  });
  deaf.open();
});

test.concurrent("a rolling restart under load runs no finished job twice", async () => {
  const Work = defineJob("rolling.work", { payload, priority: "high" });
  const Group = defineJob("rolling.group", { payload, priority: "batch" });
  await declareQueueOf(engine, "rolling", Work);
  await declareQueueOf(engine, "rolling", Group);
  const performed = new Map<string, number>();
  const parts = [
    handle(Work, {
      effects: "atLeastOnce",
      perform: async ({ job }) => void performed.set(job.id, (performed.get(job.id) ?? 0) + 1),
      record: async (trx, _, { job }) =>
        void (await sql`insert into effects (job) values (${job.id})`.execute(trx)),
    }),
    handle(Group, {
      recordAll: async (trx, items) =>
        sql`insert into effects (job) select unnest(${items.map((item) => item.job.id)}::uuid[])`.execute(
          trx,
        ),
    }),
  ];
  let one = await engine.consume("rolling", parts);
  let two = await engine.consume("rolling", parts);
  const items = Array.from({ length: 150 }, () => ({ payload: {} }));
  const ids = await engine.db
    .transaction()
    .execute(async (trx) => [
      ...(await enqueueMany(trx, Work, items)),
      ...(await enqueueMany(trx, Group, items)),
    ]);
  const left = async () => {
    const rows = await sql<{ left: number }>`
      select count(*)::int as left from duly.jobs where service = 'rolling' and state <> 'completed'`.execute(
      engine.db,
    );
    return rows.rows[0]?.left ?? 0;
  };
  await eventually("the first done", async () => (await left()) < 290);
  await one.stop();
  one = await engine.consume("rolling", parts);
  await two.stop();
  two = await engine.consume("rolling", parts);
  await eventually("all to be completed", async () => (await left()) === 0);
  expect([...performed.values()].filter((times) => times !== 1)).toEqual([]);
  const counted = await sql<{ jobs: number; effects: number }>`
    select count(distinct job)::int as jobs, count(*)::int as effects from effects where job = any(${ids}::uuid[])`.execute(
    engine.db,
  );
  expect(counted.rows).toEqual([{ jobs: 300, effects: 300 }]);
  await one.stop();
  await two.stop();
});

test.concurrent("a draining process still shows signs of life, so that nobody takes its running jobs", async () => {
  const Work = defineJob("lively.work", { payload, priority: "high" });
  await declareQueueOf(engine, "lively", Work);
  const gate = new Gate();
  const handler = handle(Work, { effects: "keyed", perform: () => gate.pass() });
  const consumer = await engine.consume("lively", [handler]);
  const id = await add(engine, Work, {});
  await gate.reached;
  const stopped = consumer.stop(20_000);
  const [before] = await heartbeats("lively");
  await eventually("a heartbeat during the drain", async () => {
    const [seen] = await heartbeats("lively");
    return (seen?.getTime() ?? 0) > (before?.getTime() ?? 0);
  });
  gate.open();
  await stopped;
  expect(await engine.reaches(id, "completed")).toMatchObject({ claim: 1, attempt: 1 });
  expect(await heartbeats("lively")).toEqual([]);
});

test.concurrent("a handler that holds a connection and ignores its signal does not keep its process", async () => {
  const Stubborn = defineJob("stubborn.work", { payload, priority: "high" });
  const gate = new Gate();
  const handler = handle(Stubborn, {
    effects: "keyed",
    perform: ({ db }) => db.transaction().execute(() => gate.pass()),
  });
  const consumer = await engine.consume("stubborn", [handler]);
  await add(engine, Stubborn, {});
  await gate.reached;
  const began = Date.now();
  await consumer.stop(0);
  expect(Date.now() - began).toBeLessThan(10_000);
  gate.open();
});
