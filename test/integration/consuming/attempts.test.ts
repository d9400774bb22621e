import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  defineJob,
  type Handler,
  handle,
  type JobDefinition,
  PermanentError,
  RetryableError,
} from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, effectsOf, intentsOf, lettersOf, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});
type Payload = z.infer<typeof payload>;

interface Call {
  readonly attempt: number;
  readonly key: string;
  readonly at: number;
}

/** A handler that throws what it is given, one after the other, and then succeeds. */
function failing(
  definition: JobDefinition<Payload>,
  errors: readonly unknown[],
): { handler: Handler<Payload>; calls: Call[] } {
  const calls: Call[] = [];
  const handler = handle(definition, {
    effects: "keyed",
    perform: async ({ job, intent }) => {
      calls.push({ attempt: job.attempt, key: intent.key, at: Date.now() });
      if (calls.length <= errors.length) throw errors[calls.length - 1];
    },
    recordFailure: async (trx, error, { job }) =>
      sql`insert into effects (job, note) values (${job.id}, ${`${error.message} after ${job.attempt}`})`.execute(
        trx,
      ),
  });
  return { handler, calls };
}

test.concurrent("a retryable error is tried again after each rung of the ladder, with the same key", async () => {
  const Work = defineJob("ladder.work", { payload, priority: "high", attempts: 3, backoff: [2_000, 1_000] });
  const { handler, calls } = failing(Work, [new Error("one"), new RetryableError("two", "two")]);
  await engine.consume("ladder", [handler]);
  const id = await add(engine, Work, {});
  const waiting = await engine.reaches(id, "retrying");
  expect(waiting).toMatchObject({ attempt: 1, send: 2, wake_at: null, last_error: { message: "one" } });
  const done = await engine.reaches(id, "completed");
  expect(done).toMatchObject({ attempt: 3, send: 3, claim: 3, holds: 0, last_error: null });
  expect(calls.map(({ attempt, key }) => [attempt, key])).toEqual([1, 2, 3].map((n) => [n, `${id}.1`]));
  const pauses = calls.slice(1).map((call, place) => call.at - (calls[place]?.at ?? 0));
  expect(pauses[0]).toBeGreaterThanOrEqual(2_000);
  expect(pauses[1]).toBeGreaterThanOrEqual(1_000);
  expect(await lettersOf(engine, id)).toEqual([]);
});

test.concurrent("a delay off the ladder is waited out in the table", async () => {
  const Work = defineJob("table.work", { payload, priority: "high", attempts: 4, backoff: [1_500, 50] });
  const { handler, calls } = failing(Work, [new Error("one"), new Error("two"), new Error("three")]);
  await engine.consume("table", [handler]);
  const id = await add(engine, Work, {});
  const waiting = await engine.reaches(id, "retrying");
  expect(waiting).toMatchObject({ attempt: 1, send: 1 + 1 });
  expect(waiting.wake_at).not.toBeNull();
  // Each table-timed retry numbers two hand-overs: the one that ends the delivery and the one that the scheduler makes.
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 4, send: 7, claim: 4 });
  const pauses = calls.slice(1).map((call, place) => call.at - (calls[place]?.at ?? 0));
  expect(pauses[0]).toBeGreaterThanOrEqual(1_500);
  expect(pauses[1]).toBeGreaterThanOrEqual(50);
  expect(pauses[2]).toBeGreaterThanOrEqual(50);
});

test.concurrent("after the last attempt the letter and recordFailure are one transaction", async () => {
  const Work = defineJob("exhausted.work", { payload, priority: "high", attempts: 2, backoff: [10] });
  const { handler, calls } = failing(Work, [new Error("one"), new Error("two"), new Error("three")]);
  const consumer = await engine.consume("exhausted", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({
    attempt: 2,
    last_error: { message: "two" },
  });
  expect(await lettersOf(engine, id)).toMatchObject([
    {
      reason: "attempts_exhausted",
      attempts: 2,
      error: { message: "two" },
      payload: {},
      service: "exhausted",
    },
  ]);
  expect(await effectsOf(engine, id)).toEqual(["two after 2"]);
  const same = await sql<{ same: boolean }>`
    select e.xmin = l.xmin and l.xmin = j.xmin as same from effects e join duly.dead_letters l on l.job_id = e.job
    join duly.jobs j on j.id = e.job where e.job = ${id}`.execute(engine.db);
  expect(same.rows).toEqual([{ same: true }]);
  await eventually(
    "the parked copy",
    async () => (await engine.broker.count("exhausted.dead-letters")) === 1,
  );
  await consumer.stop();
  expect(calls).toHaveLength(2);
});

test.concurrent("a permanent error dead-letters after one attempt", async () => {
  const Work = defineJob("permanent.work", { payload, priority: "high", attempts: 5, backoff: [10] });
  const { handler, calls } = failing(Work, [new PermanentError("card_closed", "the card is closed")]);
  await engine.consume("permanent", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ attempt: 1 });
  expect(await lettersOf(engine, id)).toMatchObject([
    { reason: "permanent_error", attempts: 1, error: { name: "PermanentError", code: "card_closed" } },
  ]);
  expect(await effectsOf(engine, id)).toEqual(["the card is closed after 1"]);
  expect(await intentsOf(engine, id)).toEqual(["1 refused"]);
  expect(calls).toHaveLength(1);
});

test.concurrent("retryAfterMs goes before the backoff", async () => {
  const Work = defineJob("after.work", { payload, priority: "high", attempts: 2, backoff: [64_000] });
  const { handler, calls } = failing(Work, [new RetryableError("busy", "busy", { retryAfterMs: 120 })]);
  await engine.consume("after", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
  const [first, second] = calls;
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(120);
});

test.concurrent("anything that a handler may throw is retried and noted", async () => {
  const Work = defineJob("thrown.work", { payload, priority: "high", attempts: 20, backoff: [0] });
  const errors: unknown[] = [
    "only a string",
    undefined,
    null,
    42n,
    Symbol("odd"),
    Object.create(null),
    {
      toString: () => {
        throw new Error("no text");
      },
    },
    Object.assign(new Error("bad name and code"), { name: "N\u0000", code: "c\u0000\ud800" }),
    new Error("nul \u0000 and half a pair \ud83d"),
    new Error(`${"x".repeat(1_999)}\u{1f600} cut in the middle of a pair`),
  ];
  const { handler, calls } = failing(Work, errors);
  const consumer = await engine.consume("thrown", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
    state: "completed",
    attempt: errors.length + 1,
  });
  expect(calls.map((call) => call.attempt)).toEqual([...errors, "success"].map((_, place) => place + 1));
  await consumer.stop();
});

test.concurrent("a recordFailure that throws keeps no job from its letter and runs nothing again", async () => {
  const Work = defineJob("unheard.work", { payload, priority: "high", attempts: 2, backoff: [10] });
  let performed = 0;
  const handler = handle(Work, {
    effects: "keyed",
    perform: async () => {
      performed += 1;
      throw new Error("always");
    },
    recordFailure: async () => {
      throw new Error("cannot be told");
    },
  });
  const consumer = await engine.consume("unheard", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ attempt: 2 });
  await consumer.stop();
  expect(performed).toBe(2);
  expect(await lettersOf(engine, id)).toMatchObject([{ attempts: 2, reason: "attempts_exhausted" }]);
});

test.concurrent("a recordFailure that throws keeps no recorded job from its letter either", async () => {
  const Work = defineJob("unrecorded.work", { payload, priority: "high", attempts: 2, backoff: [10] });
  const handler = handle(Work, {
    record: async () => {
      throw new Error("always");
    },
    recordFailure: async () => {
      throw new Error("cannot be told");
    },
  });
  await engine.consume("unrecorded", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ attempt: 2, claim: 0 });
  expect(await lettersOf(engine, id)).toMatchObject([{ attempts: 2, reason: "attempts_exhausted" }]);
});
