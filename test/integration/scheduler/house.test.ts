import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue } from "#shared/index.ts";
import { complete } from "#shared/jobs/complete.ts";
import { findJob } from "#shared/jobs/find-job.ts";
import { register } from "#shared/jobs/register.ts";
import { requeueOrphans } from "#shared/jobs/requeue-orphans.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const engine = useEngine();
const Work = defineJob("test.work", { payload: z.object({}), priority: "high" });
const NO_ID = "00000000-0000-0000-0000-000000000000";

beforeAll(() => register(engine.db, "work", [Work], []));
beforeEach(async () => {
  await sql`truncate duly.jobs, duly.jobs_history, duly.outbox, duly.consumers, duly.intents`.execute(
    engine.db,
  );
});

/** A consumer whose last sign of life is some seconds old. */
async function consumer(secondsSilent: number): Promise<string> {
  const instance = randomUUID();
  await sql`
    insert into duly.consumers (instance, service, host, pid, started_at, seen_at, in_hand)
    values (${instance}, 'work', 'here', 1, duly.now() - interval '1 h',
      duly.now() - ${secondsSilent} * interval '1 s', '{}')
  `.execute(engine.db);
  return instance;
}

/** A job that a consumer runs under its second claim and third send, and lists in its hand. */
async function running(holder: string): Promise<string> {
  const id = await enqueue(engine.db, Work, {});
  await sql`
    update duly.jobs set state = 'running', holder = ${holder}, claim = 2, send = 3,
      started_at = duly.now() - interval '1 h' where id = ${id}
  `.execute(engine.db);
  await sql`update duly.consumers set in_hand = in_hand || ${id}::uuid where instance = ${holder}`.execute(
    engine.db,
  );
  await sql`delete from duly.outbox where ref = ${id}`.execute(engine.db);
  return id;
}

/** A job that finished so many seconds ago, with the intent of its effect. */
async function finished(secondsAgo: number): Promise<string> {
  const id = await enqueue(engine.db, Work, {});
  await sql`insert into duly.intents values (${id}, 1, 'applied', duly.now())`.execute(engine.db);
  await complete(engine.db, [{ id, send: 1, result: { fine: true }, startedAt: new Date() }]);
  await sql`
    update duly.jobs set finished_at = duly.now() - ${secondsAgo} * interval '1 s' where id = ${id}
  `.execute(engine.db);
  return id;
}

async function requeue(): Promise<number> {
  return engine.db.transaction().execute((trx) => requeueOrphans(trx));
}

async function archive(page = 1_000) {
  const result = await sql<{ last: string | null; seen: number; moved: number }>`
    select * from duly.archive_finished(${NO_ID}, '1 hour', ${page})
  `.execute(engine.db);
  return result.rows[0]!;
}

test("a running job is sent again when its holder is silent, under the next claim and send", async () => {
  const id = await running(await consumer(31));
  expect(await requeue()).toBe(1);
  const job = await sql`select state, holder, claim, send from duly.jobs where id = ${id}`.execute(engine.db);
  expect(job.rows).toEqual([{ state: "queued", holder: null, claim: 3, send: 4 }]);
  const rows = await sql`select lane, send from duly.outbox where ref = ${id}`.execute(engine.db);
  expect(rows.rows).toEqual([{ lane: "high", send: 4 }]);
  expect(await requeue()).toBe(0);
});

test("one whose holder is not known at all is sent again too", async () => {
  const instance = await consumer(0);
  const id = await running(instance);
  await sql`delete from duly.consumers where instance = ${instance}`.execute(engine.db);
  expect(await requeue()).toBe(1);
  expect((await engine.reaches(id, "queued")).send).toBe(4);
});

test("one whose holder lives and lists it is left alone, however long it runs", async () => {
  const id = await running(await consumer(20));
  expect(await requeue()).toBe(0);
  expect((await engine.reaches(id, "running")).claim).toBe(2);
});

test("two sweeps at once send each orphan once", async () => {
  const holder = await consumer(60);
  for (let count = 0; count < 20; count += 1) await running(holder);
  const sent = await Promise.all([requeue(), requeue(), requeue()]);
  expect(sent.reduce((sum, count) => sum + count)).toBe(20);
  expect((await sql`select from duly.outbox`.execute(engine.db)).rows).toHaveLength(20);
});

test("finished jobs move to the month that their id names and stay known; others stay at work", async () => {
  const old = await finished(3_601);
  const young = await finished(3_500);
  const waiting = await enqueue(engine.db, Work, {}, { runAt: new Date(Date.now() - 7_200_000) });
  const letter = await enqueue(engine.db, Work, {});
  await sql`
    update duly.jobs set state = 'dead_lettered', finished_at = duly.now() - interval '9 days' where id = ${letter}
  `.execute(engine.db);
  const before = await sql`select * from duly.jobs where id = ${old}`.execute(engine.db);

  expect(await archive()).toMatchObject({ seen: 4, moved: 1 });

  const moved = await sql<{ table: string }>`
    select c.relname as table from duly.jobs_history h join pg_class c on c.oid = h.tableoid where h.id = ${old}
  `.execute(engine.db);
  const month = new Date().toISOString().slice(0, 7).replace("-", "_");
  expect(moved.rows).toEqual([{ table: `jobs_history_${month}` }]);
  const after = await sql`select * from duly.jobs_history where id = ${old}`.execute(engine.db);
  expect(after.rows).toEqual(before.rows);
  expect((await sql`select from duly.intents where job_id = ${old}`.execute(engine.db)).rows).toEqual([]);
  const places = await Promise.all([old, young, waiting, letter].map((id) => findJob(engine.db, id)));
  expect(places.map(({ place }) => place)).toEqual(["history", "jobs", "jobs", "jobs"]);
  expect(await enqueue(engine.db, Work, {}, { id: old })).toBe(old);
  expect((await findJob(engine.db, old)).place).toBe("history");
});

test("the archive walks page by page over what stays", async () => {
  for (let count = 0; count < 5; count += 1) await enqueue(engine.db, Work, {});
  const old = await finished(3_601);
  let above = NO_ID;
  const pages: number[] = [];
  for (let seen = 2; seen === 2; ) {
    const page = await sql<{ last: string; seen: number }>`
      select last, seen from duly.archive_finished(${above}::uuid, '1 hour', 2)
    `.execute(engine.db);
    ({ last: above, seen } = page.rows[0]!);
    pages.push(seen);
    if (above === null) break;
  }
  expect(pages.slice(0, 3)).toEqual([2, 2, 2]);
  expect((await findJob(engine.db, old)).place).toBe("history");
});

test("a scheduler does all of this by itself", async () => {
  const orphan = await running(await consumer(31));
  const old = await finished(3_601);
  const scheduler = await engine.startScheduler();
  onTestFinished(() => scheduler.stop());
  expect(await engine.reaches(orphan, "queued")).toMatchObject({ claim: 3, send: 4 });
  await eventually(
    "the job to move to the history",
    async () => (await findJob(engine.db, old)).place === "history",
  );
}, 20_000);
