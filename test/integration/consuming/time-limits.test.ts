import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import {
  add,
  declareQueueOf,
  effectsOf,
  Gate,
  holds,
  intentsOf,
  leaveToGhost,
  lettersOf,
  useRoad,
} from "./road.ts";

const engine = useRoad();
const payload = z.object({});
const farAhead = () => ({ expiresAt: new Date(Date.now() + 3_600_000) });

/** Moves a job's expiry to now, for the consumers and for the scheduler alike. */
async function expireNow(id: string): Promise<void> {
  await engine.db.transaction().execute(async (trx) => {
    await sql`update duly.jobs set expires_at = duly.now() where id = ${id}`.execute(trx);
    await sql`update duly.expiries set expires_at = duly.now() where job_id = ${id}`.execute(trx);
  });
}

test.concurrent("timeoutMs aborts the signal and counts at once where nobody can be asked", async () => {
  const Work = defineJob("timeout.work", {
    payload,
    priority: "high",
    attempts: 2,
    backoff: [10],
    timeoutMs: 100,
  });
  const keys: string[] = [];
  const reasons: string[] = [];
  const handler = handle(Work, {
    effects: "keyed",
    perform: async ({ signal, intent }) => {
      keys.push(intent.key);
      const aborted = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => {
        reasons.push(String(signal.reason));
        aborted.reject(signal.reason);
      });
      await aborted.promise;
    },
  });
  await engine.consume("timeout", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({
    attempt: 2,
    last_error: { name: "UnknownOutcomeError", message: "not finished after 100 ms" },
  });
  expect(keys).toEqual([`${id}.1`, `${id}.1`]);
  expect(reasons).toHaveLength(2);
  expect(await intentsOf(engine, id)).toEqual(["1 unknown"]);
});

test.concurrent("a handler that ignores its signal frees its worker, and what it returns late is not recorded", async () => {
  const Work = defineJob("deaf.work", {
    payload,
    priority: "high",
    attempts: 2,
    backoff: [10],
    timeoutMs: 100,
  });
  const deaf = new Gate();
  let performed = 0;
  const late = Promise.withResolvers<void>();
  const handler = handle(Work, {
    effects: "keyed",
    perform: async () => {
      performed += 1;
      if (performed > 1) return "second";
      await deaf.pass();
      late.resolve();
      return "first";
    },
    record: async (trx, receipt, { job }) => {
      await sql`insert into effects (job, note) values (${job.id}, ${receipt})`.execute(trx);
    },
  });
  const consumer = await engine.consume("deaf", [handler], { high: 1 });
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2, claim: 2 });
  deaf.open();
  await late.promise;
  await consumer.stop();
  expect(await effectsOf(engine, id)).toEqual(["second"]);
});

test.concurrent("a timeout is asked about, and one that had its effect after all is recorded", async () => {
  const Work = defineJob("slow.work", {
    payload,
    priority: "high",
    attempts: 2,
    backoff: [10],
    timeoutMs: 100,
  });
  const never = new Gate();
  let performed = 0;
  const handler = handle(Work, {
    effects: "keyed",
    perform: async () => {
      performed += 1;
      await never.pass();
      return "never";
    },
    ask: async () => ({ effect: "applied" as const, receipt: "found" }),
  });
  await engine.consume("slow", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, result: "found" });
  never.open();
  expect(performed).toBe(1);
});

test.concurrent("a job's own timeoutMs goes before its definition's", async () => {
  const Work = defineJob("own.work", {
    payload,
    priority: "high",
    attempts: 1,
    backoff: [],
    timeoutMs: 60_000,
  });
  const never = new Gate();
  await engine.consume("own", [handle(Work, { effects: "keyed", perform: () => never.pass() })]);
  const id = await add(engine, Work, {}, { timeoutMs: 50 });
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({
    last_error: { message: "not finished after 50 ms" },
  });
  never.open();
});

test.concurrent("a job that expired in the queue is cancelled and never run", async () => {
  const Perform = defineJob("expired.perform", { payload, priority: "high" });
  const Record = defineJob("expired.record", { payload, priority: "high" });
  const queue = await declareQueueOf(engine, "expired", Perform);
  await declareQueueOf(engine, "expired", Record);
  const ids = [await add(engine, Perform, {}, farAhead()), await add(engine, Record, {}, farAhead())];
  await holds(engine, queue, 2);
  // Past its time for the consumer; the scheduler's list still says otherwise.
  await sql`update duly.jobs set expires_at = duly.now() - interval '1 ms' where id = any(${ids}::uuid[])`.execute(
    engine.db,
  );
  const calls: string[] = [];
  const consumer = await engine.consume("expired", [
    handle(Perform, { effects: "keyed", perform: async ({ job }) => void calls.push(job.id) }),
    handle(Record, { record: async (_, __, { job }) => void calls.push(job.id) }),
  ]);
  for (const id of ids) {
    expect(await engine.reaches(id, "cancelled")).toMatchObject({
      attempt: 0,
      last_error: { message: "expired before it could run" },
    });
  }
  await consumer.stop();
  expect(calls).toEqual([]);
  expect(await engine.broker.count(queue)).toBe(0);
});

test.concurrent("a job that expires while it waits for its next attempt is cancelled", async () => {
  const Work = defineJob("waiting.work", { payload, priority: "high", attempts: 5, backoff: [3_600_000] });
  let performed = 0;
  const handler = handle(Work, {
    record: async () => {
      performed += 1;
      throw new Error("not yet");
    },
  });
  await declareQueueOf(engine, "waiting", Work);
  await engine.consume("waiting", [handler]);
  const id = await add(engine, Work, {}, farAhead());
  await engine.reaches(id, "retrying");
  await expireNow(id);
  expect(await engine.reaches(id, "cancelled")).toMatchObject({ attempt: 1, wake_at: null });
  expect(performed).toBe(1);
});

test.concurrent("an expired job in doubt that nobody can be asked about is a dead letter, not cancelled", async () => {
  const Work = defineJob("uncertain.work", { payload, priority: "high" });
  const queue = await declareQueueOf(engine, "uncertain", Work);
  const id = await add(engine, Work, {}, farAhead());
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id);
  await expireNow(id);
  await engine.broker.handBack(queue);
  let performed = 0;
  await engine.consume("uncertain", [
    handle(Work, { effects: "atLeastOnce", perform: async () => void (performed += 1) }),
  ]);
  await engine.reaches(id, "dead_lettered");
  expect(await lettersOf(engine, id)).toMatchObject([{ reason: "outcome_in_doubt" }]);
  expect(await intentsOf(engine, id)).toEqual(["1 unknown"]);
  expect(performed).toBe(0);
});

test.concurrent("a job that expires between two attempts is not cancelled while the first may have had its effect", async () => {
  const Work = defineJob("between.work", { payload, priority: "high", attempts: 3, backoff: [1_500] });
  await declareQueueOf(engine, "between", Work);
  let performed = 0;
  const handler = handle(Work, {
    effects: "atLeastOnce",
    perform: async () => {
      performed += 1;
      throw new Error("connection reset");
    },
  });
  await engine.consume("between", [handler]);
  const id = await add(engine, Work, {}, farAhead());
  await engine.reaches(id, "retrying");
  await expireNow(id);
  await engine.reaches(id, "dead_lettered", "cancelled");
  expect(await lettersOf(engine, id)).toMatchObject([{ reason: "outcome_in_doubt" }]);
  expect(performed).toBe(1);
});

test.concurrent("progress is stored at most once a second, the newest last", async () => {
  const Work = defineJob("progress.work", { payload, priority: "high" });
  await sql`create table progress_writes (progress jsonb, at timestamptz default clock_timestamp())`.execute(
    engine.db,
  );
  await sql`
    create function note_progress() returns trigger language plpgsql as $$
    begin insert into progress_writes (progress) values (new.progress); return null; end $$`.execute(
    engine.db,
  );
  await sql`
    create trigger note_progress after update on duly.jobs for each row
    when (new.type = 'progress.work' and new.progress is distinct from old.progress)
    execute function note_progress()`.execute(engine.db);
  const gate = new Gate();
  const handler = handle(Work, {
    effects: "keyed",
    perform: async ({ progress }) => {
      for (let step = 1; step <= 100; step += 1) progress({ step });
      await gate.pass();
      for (let step = 101; step <= 200; step += 1) progress({ step });
    },
  });
  await engine.consume("progress", [handler]);
  const id = await add(engine, Work, {});
  const running = () => engine.reaches(id, "running");
  await eventually("the first progress", async () => (await running()).progress !== null);
  expect(await running()).toMatchObject({ progress: { step: 100 } });
  gate.open();
  expect(await engine.reaches(id, "completed")).toMatchObject({ progress: { step: 200 } });
  const writes = await sql<{ progress: unknown }>`select progress from progress_writes order by at`.execute(
    engine.db,
  );
  expect(writes.rows).toEqual([{ progress: { step: 100 } }, { progress: { step: 200 } }]);
});
