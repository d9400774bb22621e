import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob, enqueue } from "#shared/index.ts";
import { complete } from "#shared/jobs/complete.ts";
import { register } from "#shared/jobs/register.ts";
import { forgetDeadSleepers } from "#shared/outbox/fall-asleep.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { withoutPolls } from "../../support/without-polls.ts";
import { hearNotes, type Notes, pretendSleepingRelay } from "./notes.ts";

const engine = useEngine();
const Due = defineJob("test.due", { payload: z.object({}) });
const HOUR = 3_600_000;
let notes: Notes;
let scheduler: Running;

beforeAll(async () => {
  await register(engine.db, "due", [Due], []);
  await pretendSleepingRelay(engine);
  notes = await hearNotes(engine);
});
afterAll(() => notes.stop());
beforeEach(async () => {
  await sql`truncate duly.jobs, duly.outbox`.execute(engine.db);
  // To the millisecond, so that the time it writes down is the due time.
  scheduler = await engine.startScheduler({ SCHEDULER_AHEAD_MS: "0" });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await scheduler.stop();
});

/** Waits until the scheduler has written down that it sleeps, and until when. */
async function sleeps(until?: Date) {
  return eventually("the scheduler to sleep", async () => {
    const found = await sql<{ until: string; since: Date }>`
      select sleeps_until::text as until, since from duly.sleepers where loop = 'scheduler'
        -- The scheduler counts whole milliseconds.
        and sleeps_until between coalesce(${until ?? null}, sleeps_until) - interval '2 ms'
          and coalesce(${until ?? null}, sleeps_until)
    `.execute(engine.db);
    return found.rows[0];
  });
}

test("an earlier job enqueued while it sleeps wakes it at once", async () => {
  const resting = withoutPolls();
  await resting.until(2);
  const later = new Date(Date.now() + HOUR);
  await enqueue(engine.db, Due, {}, { runAt: later });
  await sleeps(later);
  for (let turn = 0; turn < 15; turn += 1) {
    await resting.until(2);
    const heard = notes.all.length;
    const runAt = new Date(Date.now() + 10);
    await enqueue(engine.db, Due, {}, { runAt });
    const note = await eventually("the job to go out", async () =>
      notes.all.slice(heard).find(({ channel }) => channel === "duly_relay"),
    );
    expect(note.at).toBeGreaterThanOrEqual(runAt.getTime());
    await sleeps(later);
  }
});

test("a job whose line is free, or becomes free, is sent without a poll", async () => {
  const resting = withoutPolls();
  const enqueueNext = () => enqueue(engine.db, Due, {}, { orderingKey: "rings" });
  await resting.until(2);
  const first = await enqueueNext();
  await engine.reaches(first, "queued");
  const second = await enqueueNext();
  await resting.until(2);
  await complete(engine.db, [{ id: first, send: 1, result: undefined, startedAt: new Date() }]);
  expect(await engine.reaches(second, "queued")).toMatchObject({ send: 1 });
});

test("only a job that is due before it wakes anyway rings", async () => {
  const until = new Date(Date.now() + HOUR / 2);
  await enqueue(engine.db, Due, {}, { runAt: until });
  await sleeps(until);
  await notes.settled();
  await enqueue(engine.db, Due, {}, { runAt: new Date(until.getTime() + 1) });
  expect(await notes.settled()).toEqual([]);
  await enqueue(engine.db, Due, {}, { runAt: new Date(until.getTime() - 60_000) });
  expect((await notes.settled()).map((note) => note.channel)).toEqual(["duly_scheduler"]);
});

test("a transaction that asked before it slept and commits afterwards is found by the poll", async () => {
  const later = new Date(Date.now() + HOUR);
  await enqueue(engine.db, Due, {}, { runAt: later });
  await sleeps(later);
  const heard = notes.all.length;
  const committedAt = await engine.db.transaction().execute(async (trx) => {
    // As if nobody slept when it asked.
    const asleep = await sql`delete from duly.sleepers where loop = 'scheduler' returning *`.execute(trx);
    await enqueue(trx, Due, {}, { runAt: new Date(Date.now() - 1_000) });
    await sql`insert into duly.sleepers select * from jsonb_populate_recordset(null::duly.sleepers,
      ${JSON.stringify(asleep.rows)}::jsonb)`.execute(trx);
    return Date.now();
  });
  const note = await eventually("the job to go out", async () =>
    notes.all.slice(heard).find(({ channel }) => channel === "duly_relay"),
  );
  expect(notes.all.slice(heard).map(({ channel }) => channel)).not.toContain("duly_scheduler");
  expect(note.at - committedAt).toBeLessThan(2_000); // without the poll it would be found after 20 s
});

test("one that slept for more than a minute is still rung", async () => {
  await sleeps();
  await sql`update duly.sleepers set since = since - interval '61 s' where loop = 'scheduler'`.execute(
    engine.db,
  );
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  // Two polls later it has either written itself down again or never will.
  const before = Date.now();
  await sql`select pg_sleep(0.6)`.execute(engine.db);
  expect(Date.now()).toBeGreaterThanOrEqual(before);
  await forgetDeadSleepers(engine.db);
  const left = await sql`select from duly.sleepers where loop = 'scheduler'`.execute(engine.db);
  expect(left.rows).toHaveLength(1);
});
