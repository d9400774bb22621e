import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany, handle } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { retry } from "#shared/jobs/retry.ts";
import { judgeSuspects, sendStragglers, suspectStragglers } from "#shared/jobs/stragglers.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";

const engine = useEngine();
const Work = defineJob("test.work", {
  payload: z.object({}),
  priority: "high",
  attempts: 3,
  backoff: [4_000],
});
const NO_ID = "00000000-0000-0000-0000-000000000000";

beforeAll(() => register(engine.db, "work", [Work], []));
beforeEach(async () => {
  await sql`truncate duly.jobs, duly.outbox, duly.consumers, duly.queue_marks, duly.suspects`.execute(
    engine.db,
  );
});

/** One sweep, so many seconds from now; gives what was sent again, by queue. */
async function sweep(seconds: number): Promise<Record<string, number>> {
  const sent = await engine.db.transaction().execute(async (trx) => {
    await sql`select set_config('duly.clock_offset', ${`${seconds} s`}, true)`.execute(trx);
    await judgeSuspects(trx);
    const stragglers = await sendStragglers(trx);
    await suspectStragglers(trx, NO_ID, 10_000);
    return stragglers;
  });
  return Object.fromEntries(sent.map(({ queue, jobs }) => [queue, jobs]));
}

/** What the queue's consumers tell: the publish time of the last delivery, and since when it lies empty, in s from now. */
async function mark(seenAt: number, told: { lastSent?: number; emptySince?: number }): Promise<void> {
  const at = (seconds: number | undefined) => sql`now() + ${seconds ?? null}::float8 * interval '1 s'`;
  await sql`
    insert into duly.queue_marks (queue, last_sent_at, empty_since, seen_at)
    values ('work.high', ${at(told.lastSent)}, ${at(told.emptySince)}, ${at(seenAt)})
    on conflict (queue) do update set last_sent_at = excluded.last_sent_at, empty_since = excluded.empty_since,
      seen_at = excluded.seen_at
  `.execute(engine.db);
}

/** A job whose message the broker has, or had. */
async function sentJob(): Promise<string> {
  const id = await enqueue(engine.db, Work, {});
  await sql`delete from duly.outbox where ref = ${id}`.execute(engine.db);
  return id;
}

async function takeInHand(id: string, seenAt: number): Promise<void> {
  await sql`
    insert into duly.consumers (instance, service, host, pid, started_at, seen_at, in_hand) values
      (${randomUUID()}, 'work', 'here', 1, now(), now() + ${seenAt} * interval '1 s', array[${id}]::uuid[])
  `.execute(engine.db);
}

test("a job that all which was sent a minute later has overtaken is sent again, two heartbeats on", async () => {
  const id = await sentJob();
  expect(await sweep(61)).toEqual({});
  await mark(122, { lastSent: 122 });
  expect(await sweep(125)).toEqual({});
  expect(await sweep(130)).toEqual({});
  expect(await sweep(136)).toEqual({ "work.high": 1 });
  expect((await engine.reaches(id, "queued")).send).toBe(2);
  const rows = await sql`select lane, send from duly.outbox where ref = ${id}`.execute(engine.db);
  expect(rows.rows).toEqual([{ lane: "high", send: 2 }]);
  expect(await sweep(500)).toEqual({});
});

test("a job whose queue lay empty for a minute is sent again", async () => {
  await sentJob();
  await sweep(61);
  await mark(119, { emptySince: 30 });
  await sweep(120);
  expect(await sweep(140)).toEqual({});
  await mark(122, { emptySince: 30 });
  await sweep(141);
  expect(await sweep(152)).toEqual({ "work.high": 1 });
});

test("jobs that wait honestly are left alone, however many and however long", async () => {
  await enqueueMany(
    engine.db,
    Work,
    Array.from({ length: 300 }, () => ({ payload: {} })),
  );
  await sql`delete from duly.outbox`.execute(engine.db);
  await sweep(100);
  for (const hours of [1, 5, 24]) {
    // The consumer has come to what was sent just after the first look, and the queue is not empty.
    await mark(hours * 3_600, { lastSent: 155 });
    expect(await sweep(hours * 3_600)).toEqual({});
  }
  // Nobody consumes it: who could tell?
  await sql`truncate duly.queue_marks`.execute(engine.db);
  expect(await sweep(30 * 3_600)).toEqual({});
  expect((await sql`select from duly.jobs where send > 1`.execute(engine.db)).rows).toEqual([]);
});

test("no more than ten thousand of a queue are under suspicion, the oldest", async () => {
  const ids = await enqueueMany(
    engine.db,
    Work,
    Array.from({ length: 10_100 }, () => ({ payload: {} })),
  );
  await sql`delete from duly.outbox`.execute(engine.db);
  await engine.db.transaction().execute(async (trx) => {
    await sql`select set_config('duly.clock_offset', '61 s', true)`.execute(trx);
    await suspectStragglers(trx, NO_ID, 20_000);
  });
  const suspects = await sql<{ n: number; last: string }>`
    select count(*)::int as n, max(job_id::text) as last from duly.suspects`.execute(engine.db);
  expect(suspects.rows).toEqual([{ n: 10_000, last: ids.toSorted()[9_999] }]);
});

test("a job in somebody's hands, or in the outbox, or sent anew meanwhile is no straggler", async () => {
  const held = await sentJob();
  const unsent = await enqueue(engine.db, Work, {});
  const anew = await sentJob();
  await takeInHand(held, 120);
  await sweep(61);
  await sql`update duly.jobs set send = 5 where id = ${anew}`.execute(engine.db);
  await mark(130, { lastSent: 122 });
  expect([await sweep(130), await sweep(141)]).toEqual([{}, {}]);
  const sends =
    await sql`select send from duly.jobs where id = any(${[held, unsent, anew]}::uuid[]) order by number`.execute(
      engine.db,
    );
  expect(sends.rows).toEqual([{ send: 1 }, { send: 1 }, { send: 5 }]);
});

test("a retry that is five minutes overdue is sent again: at once when nobody consumes, else when overtaken", async () => {
  const id = await sentJob();
  const error = { name: "Error", message: "no" };
  await retry(engine.db, { id, delayMs: 4_000, onLadder: true, error });
  await sql`delete from duly.outbox`.execute(engine.db);
  await sweep(300);
  expect(await sweep(303)).toEqual({});
  await sweep(306);
  await mark(320, { lastSent: 200 });
  await sweep(320);
  expect(await sweep(331)).toEqual({});
  await sql`truncate duly.queue_marks`.execute(engine.db);
  await sweep(332);
  expect(await sweep(343)).toEqual({ "work.high": 1 });
  expect((await engine.reaches(id, "queued")).send).toBe(3);
});

test("messages that somebody purged are sent again by the scheduler, and done once", async () => {
  const { db, broker } = engine;
  await sql`create table done (job uuid not null)`.execute(db);
  const relay = await engine.startRelay();
  onTestFinished(() => relay.stop());
  const ids = await enqueueMany(db, Work, [{ payload: {} }, { payload: {} }]);
  await eventually("the messages", async () => (await broker.count("work.high")) === 2);
  await management("DELETE", `/api/queues/${broker.name}/work.high/contents`);
  const record = async (trx: typeof db, _: undefined, { job }: { job: { id: string } }) =>
    void (await sql`insert into done values (${job.id})`.execute(trx));
  const consumer = await engine.consume("work", [handle(Work, { record })]);
  onTestFinished(() => consumer.stop());
  await eventually("the consumer to tell of its queue", async () => {
    const marks = await sql`select from duly.queue_marks where empty_since is not null`.execute(db);
    return marks.rows.length === 1;
  });
  // Two minutes pass.
  await sweep(61);
  await sql`
    update duly.suspects set seen_at = seen_at - interval '3 minutes', passed_at = duly.now() - interval '1 minute'
  `.execute(db);
  const scheduler = await engine.startScheduler();
  onTestFinished(() => scheduler.stop());
  await Promise.all(ids.map((id) => engine.reaches(id, "completed")));
  const done = await sql<{ job: string }>`select job from done`.execute(db);
  expect(done.rows.map(({ job }) => job).sort()).toEqual(ids.toSorted());
  const repairs = await sql`select kind, jobs::int, detail from duly.repairs`.execute(db);
  expect(repairs.rows).toEqual([{ kind: "stragglers", jobs: 2, detail: { queue: "work.high" } }]);
});
