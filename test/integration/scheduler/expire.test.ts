import { sql } from "kysely";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import type { JobState } from "#shared/contracts/job-state.ts";
import { defineJob, enqueue } from "#shared/index.ts";
import { expire } from "#shared/jobs/expire.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";

const engine = useEngine();
const Brief = defineJob("test.brief", { payload: z.object({}) });

beforeAll(() => register(engine.db, "brief", [Brief], []));

/** A job in a state, whose time is over. */
async function expired(state: JobState, uniqueKey: string): Promise<string> {
  const id = await enqueue(engine.db, Brief, {}, { uniqueKey, expiresAt: new Date(Date.now() - 1_000) });
  await sql`
    update duly.jobs set state = ${state}::duly.job_state, wake_at = 'infinity', waits_for = 'the chain' where id = ${id}
  `.execute(engine.db);
  return id;
}

async function stateOf(id: string): Promise<JobState> {
  const found = await sql<{ state: JobState }>`select state from duly.jobs where id = ${id}`.execute(
    engine.db,
  );
  return found.rows[0]!.state;
}

async function keyTaken(uniqueKey: string): Promise<boolean> {
  return (
    (await sql`select from duly.unique_keys where key = ${uniqueKey}`.execute(engine.db)).rows.length > 0
  );
}

async function expireAll(): Promise<number> {
  return engine.db.transaction().execute((trx) => expire(trx, 100));
}

test.each(["scheduled", "blocked", "queued", "retrying", "held"] as const)(
  "a %s job whose time is over is cancelled and frees its key",
  async (state) => {
    const id = await expired(state, `waits ${state}`);
    expect(await expireAll()).toBe(1);
    const found = await sql`select * from duly.jobs where id = ${id}`.execute(engine.db);
    expect(found.rows[0]).toMatchObject({
      state: "cancelled",
      wake_at: null,
      waits_for: null,
      last_error: { message: "expired before it could run" },
      finished_at: expect.any(Date) as Date,
    });
    expect(await keyTaken(`waits ${state}`)).toBe(false);
  },
);

test.each(["running", "completed", "dead_lettered", "cancelled"] as const)(
  "a %s job is left as it is",
  async (state) => {
    const id = await expired(state, `is ${state}`);
    expect(await expireAll()).toBe(0);
    expect([await stateOf(id), await keyTaken(`is ${state}`)]).toEqual([state, true]);
  },
);

test.each(["unknown", "doubtful", "applied"])(
  "a job whose outside effect is %s is left to be asked for",
  async (outcome) => {
    const id = await expired("held", `effect ${outcome}`);
    await sql`
    insert into duly.intents (job_id, number, outcome, made_at) values (${id}, 1, 'refused', duly.now()),
      (${id}, 2, ${outcome}::duly.intent_outcome, duly.now())
  `.execute(engine.db);
    expect(await expireAll()).toBe(0);
    expect(await stateOf(id)).toBe("held");
  },
);

test("a job whose effects were all refused or unsent is cancelled", async () => {
  const id = await expired("held", "effect refused");
  await sql`
    insert into duly.intents (job_id, number, outcome, made_at) values (${id}, 1, 'refused', duly.now()),
      (${id}, 2, 'unsent', duly.now())
  `.execute(engine.db);
  expect(await expireAll()).toBe(1);
  expect(await stateOf(id)).toBe("cancelled");
});

test("the scheduler cancels at the time of expiry, a job that never expires stays", async () => {
  const scheduler = await engine.startScheduler();
  onTestFinished(() => scheduler.stop());
  const stays = await enqueue(engine.db, Brief, {});
  const expiresAt = new Date(Date.now() + 200);
  const goes = await enqueue(engine.db, Brief, {}, { expiresAt });
  await engine.reaches(goes, "cancelled");
  expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime());
  expect(Date.now() - expiresAt.getTime()).toBeLessThan(5_000); // no sweep's doing
  expect(await stateOf(stays)).toBe("queued");
});
