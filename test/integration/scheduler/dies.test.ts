import { sql } from "kysely";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import { defineEvent, defineJob, emit, enqueue } from "#shared/index.ts";
import { askResend } from "#shared/jobs/ask-resend.ts";
import { complete } from "#shared/jobs/complete.ts";
import { findJob } from "#shared/jobs/find-job.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { killAll, startProcess } from "../../support/service-process.ts";

const engine = useEngine();
const Work = defineJob("test.work", { payload: z.object({}) });
const Found = defineEvent("test.found", { version: 1, data: z.object({}) });

beforeAll(() => register(engine.db, "work", [Work], []));
afterAll(killAll);

/** A job whose time is over. */
async function expired(): Promise<() => Promise<unknown>> {
  const id = await enqueue(engine.db, Work, {}, { expiresAt: new Date(Date.now() - 1_000) });
  return async () => {
    const { rows } = await sql<{ state: string; waits: boolean }>`
      select state, exists (select from duly.expiries where job_id = id) as waits from duly.jobs where id = ${id}
    `.execute(engine.db);
    return rows[0];
  };
}

/** A job that finished more than an hour ago. */
async function finished(): Promise<() => Promise<unknown>> {
  const id = await enqueue(engine.db, Work, {});
  await complete(engine.db, [{ id, send: 1, result: {}, startedAt: new Date() }]);
  await sql`update duly.jobs set finished_at = duly.now() - interval '2 hours' where id = ${id}`.execute(
    engine.db,
  );
  return async () => (await findJob(engine.db, id)).place;
}

/** A day of events that is over. */
async function oldDay(): Promise<() => Promise<unknown>> {
  await sql`
    select duly.make_partition('events', '2020_01_01', duly.first_id_at('2020-01-01'), duly.first_id_at('2020-01-02'))
  `.execute(engine.db);
  return async () => {
    const { rows } = await sql<{ there: boolean }>`
      select to_regclass('duly.events_2020_01_01') is not null as there`.execute(engine.db);
    return rows[0]?.there;
  };
}

/** An event that was told long ago, and that somebody wants told again. */
async function askedFor(): Promise<() => Promise<unknown>> {
  const since = new Date(Date.now() - 60_000);
  const id = await emit(engine.db, Found, {});
  await sql`delete from duly.outbox where ref = ${id}`.execute(engine.db);
  await askResend(engine.db, { type: Found.routingKey, since, until: new Date(Date.now() + 1_000) });
  return async () => {
    const { rows } = await sql<{ told: number; asked: number }>`
      select (select count(*)::int from duly.outbox where ref = ${id}) as told,
        (select count(*)::int from duly.event_resends where done_at is null) as asked`.execute(engine.db);
    return rows[0];
  };
}

test.each<[CrashPoint, () => Promise<() => Promise<unknown>>, unknown, unknown]>([
  ["scheduler.expiring", expired, { state: "queued", waits: true }, { state: "cancelled", waits: false }],
  ["scheduler.expired", expired, { state: "cancelled", waits: false }, { state: "cancelled", waits: false }],
  ["scheduler.archived", finished, "history", "history"],
  ["scheduler.partition-dropped", oldDay, false, false],
  ["scheduler.told-again", askedFor, { told: 1, asked: 0 }, { told: 1, asked: 0 }],
])(
  "a scheduler that dies at %s leaves all of the step or nothing, and the next one does the rest",
  async (death, prepare, left, end) => {
    const look = await prepare();
    const env = { DATABASE_URL: engine.url, DULY_CRASH_AT: death };
    const { ended } = startProcess({ file: "services/scheduler/main.ts", env });
    expect(await ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(await look()).toEqual(left);
    const next = await engine.startScheduler();
    onTestFinished(() => next.stop());
    // By then it has done everything once, and what was told again would have been told twice.
    const startedAt = new Date();
    const later = await enqueue(engine.db, Work, {}, { expiresAt: startedAt });
    await engine.reaches(later, "cancelled");
    await eventually("what it has to do", async () => {
      const found = JSON.stringify(await look());
      return found === JSON.stringify(end);
    });
  },
);
