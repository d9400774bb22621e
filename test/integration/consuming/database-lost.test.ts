import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { openDatabase } from "#shared/database/database.ts";
import { defineJob, enqueueMany, handle } from "#shared/index.ts";
import { createLogger } from "#shared/log/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type LossyProxy, makeLossyProxy } from "./lossy-proxy.ts";
import { add, effectsOf, Gate, lettersOf, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});
const job = (type: string) => defineJob(type, { payload, priority: "high", attempts: 1, backoff: [] });
let proxy: LossyProxy;

beforeAll(async () => {
  proxy = await makeLossyProxy(engine.url);
});
afterAll(() => proxy.close());

/** Ends every connection to the database but the test's own; gives how many. */
async function killConnections(): Promise<number> {
  const ended = await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name <> 'duly test'`.execute(engine.db);
  return ended.rows.length;
}

async function sleeping(mark: string): Promise<void> {
  await eventually(`a statement with ${mark}`, async () => {
    const rows = await sql`
      select from pg_stat_activity where state = 'active' and query like ${`%${mark}%`} and pid <> pg_backend_pid()`.execute(
      engine.db,
    );
    return rows.rows.length > 0;
  });
}

const note = (id: string) => sql`insert into effects (job) values (${id})`;

test("connections killed while a handler performs cost nothing", async () => {
  const Work = job("kill-perform.work");
  const gate = new Gate();
  let performed = 0;
  const handler = handle(Work, {
    effects: "atMostOnce",
    perform: async () => {
      performed += 1;
      await gate.pass();
    },
    record: async (trx, _, context) => void (await note(context.job.id).execute(trx)),
  });
  await engine.consume("kill-perform", [handler]);
  const id = await add(engine, Work, {});
  await gate.reached;
  expect(await killConnections()).toBeGreaterThan(3);
  gate.open();
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, claim: 1 });
  expect(await effectsOf(engine, id)).toHaveLength(1);
  expect(performed).toBe(1);
});

test("a handler whose own query is killed while it performs spends no attempt", async () => {
  const Work = job("kill-query.work");
  const own = openDatabase({
    url: engine.url,
    name: "own",
    connections: 1,
    log: createLogger("own", "silent"),
  });
  let performed = 0;
  const handler = handle(Work, {
    effects: "keyed",
    perform: async () => {
      performed += 1;
      if (performed === 1) await sql`select pg_sleep(20) as killed_in_perform`.execute(own);
    },
    record: async (trx, _, context) => void (await note(context.job.id).execute(trx)),
  });
  await engine.consume("kill-query", [handler]);
  const id = await add(engine, Work, {});
  await sleeping("killed_in_perform");
  await killConnections();
  expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
    state: "completed",
    attempt: 1,
  });
  expect(await effectsOf(engine, id)).toHaveLength(1);
  await own.destroy();
});

test("connections killed while a handler records cost nothing, and the effect is not made again", async () => {
  const Work = job("kill-record.work");
  let performed = 0;
  let recorded = 0;
  const handler = handle(Work, {
    effects: "atLeastOnce",
    perform: async () => void (performed += 1),
    record: async (trx, _, context) => {
      recorded += 1;
      await note(context.job.id).execute(trx);
      if (recorded === 1) await sql`select pg_sleep(20) as killed_in_record`.execute(trx);
    },
  });
  await engine.consume("kill-record", [handler]);
  const id = await add(engine, Work, {});
  await sleeping("killed_in_record");
  await killConnections();
  expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
    state: "completed",
    attempt: 1,
  });
  expect(await effectsOf(engine, id)).toHaveLength(1);
  expect([performed, recorded]).toEqual([1, 2]);
});

test("connections killed in the middle of a group cost nothing", async () => {
  const Work = job("kill-group.work");
  let groups = 0;
  const handler = handle(Work, {
    recordAll: async (trx, items) => {
      groups += 1;
      const isFirst = groups === 1;
      const ids = items.map((item) => item.job.id);
      await sql`insert into effects (job) select unnest(${ids}::uuid[])`.execute(trx);
      if (isFirst) await sql`select pg_sleep(20) as killed_in_group`.execute(trx);
    },
  });
  await engine.consume("kill-group", [handler]);
  const items = Array.from({ length: 40 }, () => ({ payload: {} }));
  const ids = await engine.db.transaction().execute((trx) => enqueueMany(trx, Work, items));
  await sleeping("killed_in_group");
  await killConnections();
  for (const id of ids) {
    expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
      state: "completed",
      attempt: 1,
    });
    expect(await effectsOf(engine, id)).toHaveLength(1);
  }
});

for (const how of ["close", "reset"] as const) {
  test(`the lost answer (${how}) to the claim of a job that may run once at most makes a letter of it`, async () => {
    const Work = job(`claim-${how}.work`);
    const keys: string[] = [];
    const handler = handle(Work, {
      effects: "atMostOnce",
      perform: async ({ intent }) => void keys.push(intent.key),
    });
    await engine.consume(`claim-${how}`, [handler], { high: 1 }, { DATABASE_URL: proxy.url });
    await engine.reaches(await add(engine, Work, {}), "completed");
    const lost = proxy.loseAnswerTo("set state = 'running'", how);
    const id = await add(engine, Work, {});
    await lost;
    // Nothing was performed, but nobody can prove it: what may run once at most is left to people, not run again.
    await engine.reaches(id, "dead_lettered");
    expect(await lettersOf(engine, id)).toMatchObject([{ reason: "outcome_in_doubt" }]);
    expect(keys).toHaveLength(1);
  });

  test(`the lost answer (${how}) to the claim of a keyed job performs it once, in its first attempt`, async () => {
    const Work = job(`keyed-${how}.work`);
    const keys: string[] = [];
    const handler = handle(Work, {
      effects: "keyed",
      perform: async ({ intent }) => void keys.push(intent.key),
    });
    await engine.consume(`keyed-${how}`, [handler], { high: 1 }, { DATABASE_URL: proxy.url });
    await engine.reaches(await add(engine, Work, {}), "completed");
    const lost = proxy.loseAnswerTo("set state = 'running'", how);
    const id = await add(engine, Work, {});
    await lost;
    expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
      state: "completed",
      attempt: 1,
    });
    expect(keys.filter((key) => key.startsWith(id))).toEqual([`${id}.1`]);
  });

  test(`the lost answer (${how}) to a COMMIT records nothing twice`, async () => {
    const Perform = job(`commit-${how}.perform`);
    const Record = job(`commit-${how}.record`);
    let performed = 0;
    await engine.consume(
      `commit-${how}`,
      [
        handle(Perform, {
          effects: "atMostOnce",
          perform: async () => void (performed += 1),
          record: async (trx, _, context) => void (await note(context.job.id).execute(trx)),
        }),
        handle(Record, { record: async (trx, _, context) => void (await note(context.job.id).execute(trx)) }),
      ],
      { high: 1 },
      { DATABASE_URL: proxy.url },
    );
    await engine.reaches(await add(engine, Perform, {}), "completed");
    for (const type of [Perform, Record]) {
      const lost = proxy.loseAnswerTo("commit", how);
      const id = await add(engine, type, {});
      await lost;
      expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
        state: "completed",
        attempt: 1,
      });
      await engine.reaches(await add(engine, type, {}), "completed"); // the worker is free again
      expect(await effectsOf(engine, id)).toHaveLength(1);
    }
    expect(performed).toBe(3);
  });
}

test("under load, connections killed again and again cost no job, no attempt and no second effect", async () => {
  const Perform = job("load.perform");
  const Group = job("load.group");
  await engine.consume("load", [
    handle(Perform, {
      effects: "keyed",
      perform: async () => undefined,
      record: async (trx, _, context) => void (await note(context.job.id).execute(trx)),
    }),
    handle(Group, {
      recordAll: async (trx, items) =>
        sql`insert into effects (job) select unnest(${items.map((item) => item.job.id)}::uuid[])`.execute(
          trx,
        ),
    }),
  ]);
  const types = [Perform.type, Group.type];
  const items = Array.from({ length: 25 }, () => ({ payload: {} }));
  const enqueueAll = (count: number) =>
    engine.db.transaction().execute(async (trx) => {
      await enqueueMany(trx, Perform, items.slice(0, count));
      await enqueueMany(trx, Group, items.slice(0, count));
    });
  await enqueueAll(1);
  const left = async () => {
    const rows = await sql<{ left: number }>`
      select count(*)::int as left from duly.jobs where type = any(${types}) and state <> 'completed'`.execute(
      engine.db,
    );
    return rows.rows[0]?.left ?? 0;
  };
  await eventually("the queue to be there", async () => (await left()) === 0);
  for (let round = 0; round < 5; round += 1) {
    await enqueueAll(25);
    const before = await left();
    await eventually("some of it to be done", async () => (await left()) < before - 10);
    await killConnections();
  }
  await eventually("all to be completed", async () => (await left()) === 0);
  const ends = await sql<{ attempt: number; effects: number; jobs: number }>`
    select attempt, effects, count(*)::int as jobs from (
      select j.attempt, (select count(*)::int from effects e where e.job = j.id) as effects
      from duly.jobs j where j.type = any(${types})) j group by 1, 2`.execute(engine.db);
  expect(ends.rows).toEqual([{ attempt: 1, effects: 1, jobs: 2 * (1 + 5 * 25) }]);
}, 30_000);
