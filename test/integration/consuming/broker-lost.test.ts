import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle, type JobDefinition } from "#shared/index.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { said } from "../../support/watched-log.ts";
import { makeLossyProxy } from "./lossy-proxy.ts";
import { add, declareQueueOf, effectsOf, Gate, holds } from "./road.ts";

const engine = useEngine();
const payload = z.object({});
const job = (type: string) => defineJob(type, { payload, priority: "high", attempts: 1, backoff: [] });
let relay: Awaited<ReturnType<typeof engine.startRelay>>;

beforeAll(async () => {
  await sql`create table effects (job uuid not null, note text, number bigserial)`.execute(engine.db);
  relay = await engine.startRelay();
});

/** Cuts every connection to the broker; waits until there are some that it can see. */
async function cut(): Promise<void> {
  await eventually("connections to cut", async () => (await engine.broker.cutConnections()) > 0);
}

const performing = (
  definition: JobDefinition<object>,
  perform: () => Promise<void>,
  effects: "keyed" | "atLeastOnce",
) =>
  handle(definition, {
    effects,
    perform,
    record: async (trx, _, context) => {
      await sql`insert into effects (job) values (${context.job.id})`.execute(trx);
    },
  });

async function ends(types: readonly string[]): Promise<unknown[]> {
  const rows = await sql`
    select state, attempt, effects, count(*)::int as jobs from (
      select j.state, j.attempt, (select count(*)::int from effects e where e.job = j.id) as effects
      from duly.jobs j where j.type = any(${types})) j group by 1, 2, 3`.execute(engine.db);
  return rows.rows;
}

for (const effects of ["keyed", "atLeastOnce"] as const) {
  test(`a connection cut in the middle of a ${effects} job: its own process finishes it, once`, async () => {
    const Work = job(`cut-${effects.toLowerCase()}.work`);
    const queue = await declareQueueOf(engine, `cut-${effects.toLowerCase()}`, Work);
    const gate = new Gate();
    let performed = 0;
    const perform = async () => {
      performed += 1;
      await gate.pass();
    };
    const consumer = await engine.consume(
      `cut-${effects.toLowerCase()}`,
      [performing(Work, perform, effects)],
      { high: 2 },
    );
    const id = await add(engine, Work, {});
    await gate.reached;
    await cut();
    // It comes again to the same process, which has it in hand: acked, so that the queue is empty while it still runs.
    const after = await add(engine, Work, {});
    await eventually("the next job to start", async () => performed === 2);
    expect(await engine.reaches(id, "running")).toMatchObject({ claim: 1 });
    gate.open();
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, claim: 1 });
    await engine.reaches(after, "completed");
    await consumer.stop();
    expect(await effectsOf(engine, id)).toHaveLength(1);
    expect(await engine.broker.count(queue)).toBe(0);
  });
}

test("connections cut again and again under load lose no job and double no effect", async () => {
  const proxy = await makeLossyProxy(engine.broker.url);
  const lossy = { AMQP_URL: proxy.url };
  await relay.stop();
  relay = await engine.startRelay(lossy);
  const Perform = job("load.perform");
  const Group = job("load.group");
  const queue = await declareQueueOf(engine, "load", Perform);
  await declareQueueOf(engine, "load", Group);
  const parts = [
    performing(Perform, async () => undefined, "keyed"),
    handle(Group, {
      recordAll: async (trx, items) =>
        sql`insert into effects (job) select unnest(${items.map((item) => item.job.id)}::uuid[])`.execute(
          trx,
        ),
    }),
  ];
  const consumers = [
    await engine.consume("load", parts, {}, lossy),
    await engine.consume("load", parts, {}, lossy),
  ];
  const types = [Perform.type, Group.type];
  const items = Array.from({ length: 25 }, () => ({ payload: {} }));
  const left = async () => {
    const rows = await sql<{ left: number }>`
      select count(*)::int as left from duly.jobs where type = any(${types}) and state <> 'completed'`.execute(
      engine.db,
    );
    return rows.rows[0]?.left ?? 0;
  };
  for (let round = 0; round < 5; round += 1) {
    await engine.db.transaction().execute(async (trx) => {
      await enqueueMany(trx, Perform, items);
      await enqueueMany(trx, Group, items);
    });
    await eventually("some of it to be done", async () => (await left()) < 45);
    await eventually("connections to cut", async () => proxy.cut() > 0);
  }
  await eventually("all to be completed", async () => (await left()) === 0);
  expect(await ends(types)).toEqual([{ state: "completed", attempt: 1, effects: 1, jobs: 250 }]);
  await eventually("an empty queue", async () => (await engine.broker.count(queue)) === 0);
  await Promise.all(consumers.map((consumer) => consumer.stop()));
  expect(await engine.broker.count(queue)).toBe(0);
  await relay.stop();
  relay = await engine.startRelay();
  proxy.close();
});

test("a queue that is deleted while it is consumed is consumed again once a relay has declared it", async () => {
  const Work = job("deleted.work");
  const queue = await declareQueueOf(engine, "deleted", Work);
  await engine.consume("deleted", [performing(Work, async () => undefined, "keyed")]);
  await engine.reaches(await add(engine, Work, {}), "completed");
  await relay.stop();
  const missed = said(/the queue is not there yet/);
  await engine.broker.deleteQueue(queue);
  await missed;
  const id = await add(engine, Work, {});
  relay = await engine.startRelay();
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  expect(await effectsOf(engine, id)).toHaveLength(1);
});

test("a consumer that starts before its queue exists begins as soon as it is there", async () => {
  const Work = job("early.work");
  await relay.stop();
  const ready = engine.consume("early", [performing(Work, async () => undefined, "keyed")]);
  const id = await eventually("the type to be known", () => add(engine, Work, {}).catch(() => undefined));
  relay = await engine.startRelay();
  await ready;
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, send: 1 });
});

test("a delivery that nobody acked in a dead connection comes again, and its finished job is not run twice", async () => {
  const Work = job("acked.work");
  const queue = await declareQueueOf(engine, "acked", Work);
  const cutting = Promise.withResolvers<void>();
  let performed = 0;
  const handler = handle(Work, {
    effects: "atLeastOnce",
    perform: async () => {
      performed += 1;
    },
    record: async (trx, _, context) => {
      await sql`insert into effects (job) values (${context.job.id})`.execute(trx);
      if (performed === 1) {
        await cut(); // the commit follows, its ack cannot
        cutting.resolve();
      }
    },
  });
  const consumer = await engine.consume("acked", [handler], { high: 1 });
  const id = await add(engine, Work, {});
  await cutting.promise;
  await engine.reaches(id, "completed");
  await engine.reaches(await add(engine, Work, {}), "completed");
  await consumer.stop();
  await holds(engine, queue, 0);
  expect(performed).toBe(2);
  expect(await effectsOf(engine, id)).toHaveLength(1);
});
