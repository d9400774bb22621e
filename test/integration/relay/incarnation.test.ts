import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineEvent, defineJob, emit, enqueue, enqueueMany, handle } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { retry } from "#shared/jobs/retry.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";

const engine = useEngine();
const Work = defineJob("test.work", {
  payload: z.object({}),
  priority: "high",
  attempts: 3,
  backoff: [64_000],
});
const Done = defineEvent("test.done", { version: 1, data: z.object({ n: z.int() }) });
const error = { name: "Error", message: "no" };
const started: Running[] = [];

beforeAll(async () => {
  await register(engine.db, "work", [Work], ["test.done.v1"]);
  await sql`create table effects (job uuid not null)`.execute(engine.db);
});
beforeEach(async () => {
  await sql`truncate duly.jobs, duly.outbox, duly.dead_letters, duly.events, duly.event_resends, duly.repairs`.execute(
    engine.db,
  );
  await startRelay();
  for (const queue of ["high", "high.retry.64s", "dead-letters", "events"])
    await management("DELETE", `/api/queues/${engine.broker.name}/work.${queue}/contents`);
});
afterEach(() => stopAll());

async function startRelay(): Promise<void> {
  started.push(await engine.startRelay());
}

async function stopAll(): Promise<void> {
  await Promise.all(started.splice(0).map((part) => part.stop()));
}

async function outboxEmpties(): Promise<void> {
  await eventually("the outbox to be empty", async () => {
    return (await sql`select from duly.outbox limit 1`.execute(engine.db)).rows.length === 0;
  });
}

interface Stand {
  id: string;
  marked: boolean;
}
async function incarnation(): Promise<Stand> {
  return (await sql<Stand>`select id, marked from duly.broker_incarnation`.execute(engine.db)).rows[0]!;
}

async function nextIncarnation(after: Stand): Promise<Stand> {
  return eventually("the next incarnation", async () => {
    const now = await incarnation();
    return now.id !== after.id && now.marked && now;
  });
}

async function sendsOf(...ids: string[]): Promise<unknown[]> {
  const rows = await sql`
    select state, send, wake_at = retry_at as timed from duly.jobs where id = any(${ids}::uuid[]) order by number
  `.execute(engine.db);
  return rows.rows;
}

/** What lies in a queue: each message's id and the value of one of its headers. */
async function lying(queue: string, header: string): Promise<unknown[]> {
  const messages = await engine.broker.takeAll(queue);
  return messages.map(({ properties }): unknown[] => [properties.messageId, properties.headers?.[header]]);
}

test("a broker that has lost its data is given all that only it had, and nothing else", async () => {
  const { db, broker } = engine;
  const before = await incarnation();
  const queued = await enqueue(db, Work, {});
  const retrying = await enqueue(db, Work, {});
  const running = await enqueue(db, Work, {});
  const scheduled = await enqueue(db, Work, {}, { runAt: new Date(Date.now() + 3_600_000) });
  const dead = await enqueue(db, Work, {});
  await retry(db, { id: retrying, delayMs: 64_000, onLadder: true, error });
  await sql`update duly.jobs set state = 'running', claim = 1 where id = ${running}`.execute(db);
  await writeLetters(db, [{ id: dead, attempts: 1 }], "permanent_error", error);
  await outboxEmpties();

  await broker.wipe();
  await nextIncarnation(before);
  await outboxEmpties();

  expect(await sendsOf(queued, retrying, running, scheduled, dead)).toEqual([
    { state: "queued", send: 2, timed: null },
    { state: "retrying", send: 3, timed: true },
    { state: "running", send: 1, timed: null },
    { state: "scheduled", send: 0, timed: null },
    { state: "dead_lettered", send: 1, timed: null },
  ]);
  expect(await lying("work.high", "duly-send")).toEqual([[queued, 2]]);
  expect(await lying("work.dead-letters", "duly-copy")).toEqual([[dead, 2]]);
  expect(await broker.count("work.high.retry.64s")).toBe(0);
  const repairs = await sql`select kind, jobs::int, detail from duly.repairs`.execute(db);
  expect(repairs.rows).toMatchObject([
    { kind: "new incarnation", jobs: 2, detail: { queued: 1, retrying: 1, letters: 1 } },
  ]);
});

test("a job whose message a queue had given up, and the broker lost before anybody recorded that, is sent again", async () => {
  const { db, broker } = engine;
  const before = await incarnation();
  const id = await enqueue(db, Work, {});
  await outboxEmpties();
  await eventually("the message", async () => (await broker.rejectAll("work.high")) === 1);
  await eventually("it to be given up", async () => (await broker.count("duly.rejected")) === 1);
  await broker.wipe();
  await nextIncarnation(before);
  await outboxEmpties();
  expect(await lying("work.high", "duly-send")).toEqual([[id, 2]]);
  expect((await sql`select from duly.dead_letters`.execute(db)).rows).toEqual([]);
});

test("a broker that comes back with its data is given nothing again", async () => {
  const before = await incarnation();
  const id = await enqueue(engine.db, Work, {});
  await outboxEmpties();
  await engine.broker.cutConnections();
  await stopAll();
  await startRelay();
  expect(await incarnation()).toEqual(before);
  expect(await lying("work.high", "duly-send")).toEqual([[id, 1]]);
});

test("relays that find the loss together begin one incarnation", async () => {
  const before = await incarnation();
  await startRelay();
  await startRelay();
  const ids = await enqueueMany(engine.db, Work, [{ payload: {} }, { payload: {} }]);
  await outboxEmpties();
  await engine.broker.wipe();
  await nextIncarnation(before);
  await outboxEmpties();
  expect(await lying("work.high", "duly-send")).toEqual(ids.map((id) => [id, 2]));
});

test("a relay that died before it put the marker is succeeded without a further send", async () => {
  const { db } = engine;
  const id = await enqueue(db, Work, {});
  await outboxEmpties();
  await stopAll();
  await engine.broker.wipe();
  await sql`select duly.begin_incarnation()`.execute(db);
  const begun = await incarnation();
  expect(begun.marked).toBe(false);
  await startRelay();
  expect(await incarnation()).toEqual({ ...begun, marked: true });
  await outboxEmpties();
  expect(await lying("work.high", "duly-send")).toEqual([[id, 2]]);
});

test("a row that stands in the outbox is no reason to leave its job out", async () => {
  const { db } = engine;
  await stopAll();
  const before = await incarnation();
  const id = await enqueue(db, Work, {});
  await engine.broker.wipe();
  await startRelay();
  await nextIncarnation(before);
  await outboxEmpties();
  // The first row is overtaken; a relay that had it in hand would have deleted it over the old broker's word.
  expect(await lying("work.high", "duly-send")).toEqual([[id, 2]]);
});

test("the events of the last days are told again, page by page, and to whom they matter", async () => {
  const { db, broker } = engine;
  const before = await incarnation();
  const ids = await db.transaction().execute(async (trx) => {
    const told: string[] = [];
    for (let n = 0; n < 5; n += 1) told.push(await emit(trx, Done, { n }));
    return told;
  });
  await outboxEmpties();
  await broker.wipe();
  await nextIncarnation(before);
  const pages: number[] = [];
  for (let page = -1; page !== 0; ) {
    const told = await sql<{ n: number }>`select duly.resend_events(2) as n`.execute(db);
    page = told.rows[0]!.n;
    pages.push(page);
  }
  expect(pages).toEqual([2, 2, 1, 0]);
  await outboxEmpties();
  const messages = await broker.takeAll("work.events");
  expect(messages.map(({ properties }) => String(properties.messageId))).toEqual(ids.toSorted());
});

test("a broker wiped under load costs no job and makes no second effect", async () => {
  const { db } = engine;
  const before = await incarnation();
  const consumer = await engine.consume("work", [
    handle(Work, {
      record: async (trx, _, { job }) =>
        void (await sql`insert into effects values (${job.id})`.execute(trx)),
    }),
  ]);
  const ids = await enqueueMany(
    db,
    Work,
    Array.from({ length: 3_000 }, () => ({ payload: {} })),
  );
  const done = async () =>
    (await sql<{ n: number }>`select count(*)::int as n from effects`.execute(db)).rows[0]!.n;
  await eventually("some jobs to be done", async () => (await done()) > 300);
  await engine.broker.wipe();
  await nextIncarnation(before);
  await eventually("all to be done", async () => (await done()) >= ids.length, 25_000);
  await consumer.stop();
  const twice = await sql`select job from effects group by job having count(*) > 1`.execute(db);
  expect(twice.rows).toEqual([]);
  expect(await done()).toBe(ids.length);
}, 60_000);
