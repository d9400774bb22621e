import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany, PRIORITIES } from "#shared/index.ts";
import { fireDue } from "#shared/jobs/fire-due.ts";
import { register } from "#shared/jobs/register.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { withoutPolls } from "../../support/without-polls.ts";

const engine = useEngine();
const Due = defineJob("test.due", { payload: z.object({}), priorities: PRIORITIES });
const HOUR = 3_600_000;
const started: Running[] = [];

beforeEach(async () => {
  await register(engine.db, "due", [Due], []);
  await sql`truncate duly.jobs, duly.outbox, duly.expiries, duly.unique_keys`.execute(engine.db);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(started.splice(0).map((part) => part.stop()));
});

async function startScheduler(settings?: Record<string, string>): Promise<void> {
  started.push(await engine.startScheduler(settings));
}

/** The jobs in the order in which they stand in the outbox, once there are `count`. */
async function outbox(count: number) {
  return eventually(`${count} outbox rows`, async () => {
    const rows = await sql<{ id: string; lane: string; send: number }>`
      select o.ref as id, o.lane, o.send from duly.outbox o order by o.id
    `.execute(engine.db);
    return rows.rows.length >= count && rows.rows;
  });
}

function shuffled<T>(items: readonly T[]): T[] {
  const keyed = items.map((item) => ({ item, key: Math.random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

test("a thousand overdue jobs go out by priority, due time and number, whatever their order was", async () => {
  const now = Date.now();
  const wanted = PRIORITIES.flatMap((priority) =>
    Array.from({ length: 200 }, (_, place) => ({
      priority,
      // Pairs share a due time: between them the number decides.
      runAt: new Date(now - HOUR + 1_000 * Math.floor(place / 2)),
    })),
  );
  const items = shuffled(wanted).map((item, number) => ({ ...item, payload: {}, number }));
  const ids = await enqueueMany(engine.db, Due, items);
  await startScheduler();
  const expected = items
    .map((item, place) => ({ ...item, id: ids[place] }))
    .sort(
      (a, b) =>
        PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) ||
        a.runAt.getTime() - b.runAt.getTime() ||
        a.number - b.number,
    );
  const rows = await outbox(1_000);
  expect(rows).toEqual(expected.map(({ id, priority }) => ({ id, lane: priority, send: 1 })));
});

test("more due jobs than a step takes keep their order within a priority, and none starves another", async () => {
  const now = Date.now();
  const items = Array.from({ length: 1_200 }, (_, place) => ({
    payload: {},
    priority: "batch" as const,
    runAt: new Date(now - HOUR + place),
  }));
  const backlog = await enqueueMany(engine.db, Due, items);
  const urgent = await enqueue(engine.db, Due, {}, { priority: "critical", runAt: new Date(now) });
  await startScheduler({ SCHEDULER_WINDOW: "100" });
  const rows = await outbox(1_201);
  expect(rows.filter((row) => row.lane === "batch").map((row) => row.id)).toEqual(backlog);
  expect(rows.findIndex((row) => row.id === urgent)).toBe(0);
});

test("two schedulers fire each due job exactly once", async () => {
  const now = Date.now();
  const items = Array.from({ length: 2_000 }, (_, place) => ({
    payload: {},
    runAt: new Date(now + place / 4),
  }));
  const ids = await enqueueMany(engine.db, Due, items);
  await Promise.all([startScheduler({ SCHEDULER_WINDOW: "7" }), startScheduler({ SCHEDULER_WINDOW: "7" })]);
  const rows = await outbox(2_000);
  expect(rows.map((row) => row.id).sort()).toEqual(ids.toSorted());
  const jobs =
    await sql`select from duly.jobs where send <> 1 or state <> 'queued' or wake_at is not null`.execute(
      engine.db,
    );
  expect(jobs.rows).toHaveLength(0);
});

test("two that fire at the same instant share the jobs without overlap", async () => {
  await enqueueMany(
    engine.db,
    Due,
    Array.from({ length: 400 }, () => ({ payload: {}, runAt: new Date(0) })),
  );
  const fire = () => engine.db.transaction().execute((trx) => fireDue(trx, 300, 0));
  const fired = await Promise.all([fire(), fire(), fire()]);
  expect(fired.reduce((sum, count) => sum + count)).toBe(400);
  expect(await outbox(400)).toHaveLength(400);
});

test("a job is never fired before its due time, and soon after, without the poll", async () => {
  const resting = withoutPolls();
  await startScheduler({ SCHEDULER_AHEAD_MS: "0" });
  await resting.until(2);
  const now = Date.now();
  const items = Array.from({ length: 100 }, (_, place) => ({
    payload: {},
    // The first within one poll, or it would be polled for.
    runAt: new Date(now + 200 + place * 5),
  }));
  await sql`create table seen (ref uuid, at timestamptz default clock_timestamp())`.execute(engine.db);
  await sql`create function note_row() returns trigger language plpgsql as $$
    begin insert into seen (ref) values (new.ref); return null; end $$`.execute(engine.db);
  await sql`create trigger note_row after insert on duly.outbox for each row execute function note_row()`.execute(
    engine.db,
  );
  try {
    await enqueueMany(engine.db, Due, items);
    await outbox(100);
    const lateness = await sql<{ ms: number }>`
      select extract(epoch from s.at - j.run_at)::float8 * 1000 as ms from seen s join duly.jobs j on j.id = s.ref order by 1
    `.execute(engine.db);
    const late = lateness.rows.map((row) => row.ms);
    expect(late[0]).toBeGreaterThanOrEqual(0);
    // How soon is measured where nothing else runs (test/e2e/lateness.test.ts); by the poll it would take half a minute.
    expect(late[50]).toBeLessThan(1_000);
  } finally {
    await sql`drop trigger note_row on duly.outbox; drop function note_row(); drop table seen`.execute(
      engine.db,
    );
  }
});

test("held, blocked and table-timed retrying jobs go out at their time under the next send", async () => {
  const states = ["held", "blocked", "retrying", "scheduled"];
  const ids = await enqueueMany(
    engine.db,
    Due,
    states.map(() => ({ payload: {}, runAt: new Date(Date.now() + HOUR) })),
  );
  for (const [place, state] of states.entries()) {
    await sql`
      update duly.jobs set state = ${state}::duly.job_state, send = 4, waits_for = 'the chain', retry_at = duly.now(),
        wake_at = duly.now() - interval '1 ms' where id = ${ids[place]}
    `.execute(engine.db);
  }
  await startScheduler();
  expect((await outbox(4)).map((row) => row.send)).toEqual([5, 5, 5, 5]);
  const jobs = await sql<{ state: string; waits_for: string | null; wake_at: Date | null }>`
    select distinct state, waits_for, wake_at from duly.jobs
  `.execute(engine.db);
  expect(jobs.rows).toEqual([{ state: "queued", waits_for: null, wake_at: null }]);
});

/** Starts a scheduler while somebody has a job's row, and sees how often it looks: each 20 ms at most. */
async function expectCalmBefore(id: string): Promise<void> {
  const statements = vi.spyOn(pg.Client.prototype, "query");
  const looks = () => statements.mock.calls.filter(([text]) => text.includes("with due as")).length;
  await engine.db.transaction().execute(async (trx) => {
    await sql`select from duly.jobs where id = ${id} for update`.execute(trx);
    const began = performance.now();
    await startScheduler();
    await sql`select pg_sleep(1.5)`.execute(trx);
    expect(looks()).toBeGreaterThan(1);
    // But for the first one and the last one before it sleeps.
    expect(looks()).toBeLessThanOrEqual((performance.now() - began) / 20 + 10);
  });
}

test("a due job that somebody has locked is waited for without running hot", async () => {
  const id = await enqueue(engine.db, Due, {}, { runAt: new Date(Date.now() - HOUR) });
  await expectCalmBefore(id);
  expect((await outbox(1))[0]?.id).toBe(id);
});

test("an expired job that somebody has locked is waited for without running hot", async () => {
  const id = await enqueue(engine.db, Due, {}, { expiresAt: new Date(Date.now() + 300) });
  await expectCalmBefore(id);
  await engine.reaches(id, "cancelled");
});
