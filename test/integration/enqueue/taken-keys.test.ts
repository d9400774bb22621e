import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { cancel, defineJob, type EnqueueOptions, enqueue, enqueueMany } from "#shared/index.ts";
import { complete } from "#shared/jobs/complete.ts";
import { expire } from "#shared/jobs/expire.ts";
import { giveBackJob } from "#shared/jobs/give-back.ts";
import { noteIntent } from "#shared/jobs/intents.ts";
import { retry } from "#shared/jobs/retry.ts";
import { takeJob } from "#shared/jobs/take-job.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { holdOpen, promoteAll, sendsOf } from "../keys/line.ts";

const Ask = defineJob("test.ask", {
  payload: z.object({ round: z.int() }),
  priority: "medium",
  priorities: ["high", "medium"],
});
const { db, open } = await serviceDatabase("taken", [Ask]);
const second = open(3);
const later = (ms: number) => new Date(Date.now() + ms);
const error = { name: "E", message: "no" };

function replace(round: number, uniqueKey: string, options: EnqueueOptions = {}, on = db) {
  return enqueue(on, Ask, { round }, { ...options, uniqueKey, ifTaken: "replace" });
}

async function jobsWith(uniqueKey: string) {
  const found = await sql<{ id: string; state: string; round: number; send: number; attempt: number }>`
    select id, state, (payload ->> 'round')::int as round, send, attempt from duly.jobs
    where unique_key = ${uniqueKey} order by number
  `.execute(db);
  return found.rows;
}

test("replace gives the waiting job the newcomer's payload, time and options, under its own id", async () => {
  const first = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "q", runAt: later(60_000) });
  const expiresAt = later(90_000);
  const again = await replace(2, "q", { runAt: later(30_000), priority: "high", expiresAt });
  expect(again).toBe(first);
  expect(await jobsWith("q")).toMatchObject([{ id: first, state: "scheduled", round: 2 }]);
  const row = await sql<{ priority: string; early: boolean; expires_at: Date }>`
    select priority, wake_at < ${later(31_000)} as early, expires_at from duly.jobs where id = ${first}`.execute(
    db,
  );
  expect(row.rows).toEqual([{ priority: "high", early: true, expires_at: expiresAt }]);
});

test("a queued job that is replaced is sent anew, so that what is under way of it is stale", async () => {
  const id = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "sent" });
  await replace(2, "sent");
  expect(await jobsWith("sent")).toMatchObject([{ id, state: "queued", round: 2, send: 2 }]);
  expect(await sendsOf(db, id)).toEqual([1, 2]);
  expect(await takeJob(db, { id, send: 1, holder: randomUUID() })).toBeUndefined();
  await replace(3, "sent", { runAt: later(60_000) });
  expect(await jobsWith("sent")).toMatchObject([{ state: "scheduled", round: 3, send: 3 }]);
  expect(await takeJob(db, { id, send: 3, holder: randomUUID() })).toBeUndefined();
});

test("a retrying job without a doubt is replaced, and begins its attempts anew", async () => {
  const id = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "retried" });
  await takeJob(db, { id, send: 1, holder: randomUUID() });
  await noteIntent(db, { jobId: id, number: 1 }, "refused");
  await retry(db, { id, delayMs: 60_000, onLadder: false, error });
  await replace(2, "retried");
  expect(await jobsWith("retried")).toMatchObject([{ id, state: "queued", round: 2, attempt: 0 }]);
});

test.each(["running", "retrying in doubt"])("a job that is %s stays as it is", async (how) => {
  const id = await enqueue(db, Ask, { round: 1 }, { uniqueKey: how });
  await takeJob(db, { id, send: 1, holder: randomUUID() });
  if (how === "running") await noteIntent(db, { jobId: id, number: 1 }, "refused");
  else await retry(db, { id, delayMs: 60_000, onLadder: false, error });
  const [before] = await jobsWith(how);
  expect(await replace(2, how)).toBe(id);
  expect(await jobsWith(how)).toEqual([before]);
});

test("an expiry goes with what was replaced", async () => {
  const id = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "expiring", expiresAt: later(20) });
  await replace(2, "expiring");
  await sql`select pg_sleep(0.03)`.execute(db);
  await db.transaction().execute((trx) => expire(trx, 100));
  expect(await jobsWith("expiring")).toMatchObject([{ id, state: "queued" }]);
});

test("a replaced job with an ordering key joins its line again, and lets the line move on", async () => {
  const first = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "lined", orderingKey: "line" });
  await enqueue(db, Ask, { round: 2 }, { orderingKey: "line" });
  await promoteAll(db);
  await replace(3, "lined", { orderingKey: "line" });
  await promoteAll(db);
  const states = await sql<{ state: string; round: number }>`
    select state, (payload ->> 'round')::int as round from duly.jobs where ordering_key = 'line' order by number
  `.execute(db);
  expect(states.rows).toEqual([
    { state: "blocked", round: 3 },
    { state: "queued", round: 2 },
  ]);
  await replace(4, "lined");
  expect(await jobsWith("lined")).toMatchObject([{ id: first, state: "queued", round: 4 }]);
});

test("the successor of a job that ends meanwhile is a job of its own", async () => {
  const first = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "ends" });
  const end = await holdOpen(second, (trx) =>
    complete(trx, [{ id: first, send: 1, result: undefined, startedAt: new Date() }]),
  );
  const next = replace(2, "ends");
  await end("commit");
  expect(await next).not.toBe(first);
  expect(await jobsWith("ends")).toMatchObject([
    { state: "completed", round: 1 },
    { state: "queued", round: 2 },
  ]);
});

test("a key that was left to a job that has ended goes to the newcomer", async () => {
  const ended = await enqueue(db, Ask, { round: 1 });
  await complete(db, [{ id: ended, send: 1, result: undefined, startedAt: new Date() }]);
  await sql`insert into duly.unique_keys values ('test.ask', 'left', ${ended})`.execute(db);
  const next = await replace(2, "left");
  expect(next).not.toBe(ended);
  expect(await enqueue(db, Ask, { round: 3 }, { uniqueKey: "left" })).toBe(next);
});

test.each([
  ["a dead letter", (id: string) => writeLetters(db, [{ id, attempts: 1 }], "permanent_error", error)],
  ["cancelling", (id: string) => cancel(db, id, "no")],
])("after %s nothing is replaced", async (how, end) => {
  const first = await enqueue(db, Ask, { round: 1 }, { uniqueKey: how });
  await end(first);
  const next = await replace(2, how);
  expect(next).not.toBe(first);
  expect((await jobsWith(how)).map(({ round }) => round)).toEqual([1, 2]);
});

test("many who replace at once leave one job, with the payload of one of them", async () => {
  const ids = await Promise.all(
    Array.from({ length: 24 }, (_, round) => replace(round, "storm", {}, round % 2 === 0 ? db : second)),
  );
  expect(new Set(ids).size).toBe(1);
  expect(await jobsWith("storm")).toHaveLength(1);
  expect((await sendsOf(db, ids[0] as string)).length).toBe(24);
});

test("inside one bulk the job is that of the first item, the payload that of the last", async () => {
  const kept = await enqueue(db, Ask, { round: 0 }, { uniqueKey: "bulk old", runAt: later(60_000) });
  const keys = ["bulk new", "bulk old", "bulk new", "bulk old", undefined];
  const ids = await enqueueMany(
    db,
    Ask,
    keys.map((uniqueKey, place) => ({
      payload: { round: place + 1 },
      uniqueKey,
      ifTaken: uniqueKey === undefined ? undefined : ("replace" as const),
    })),
  );
  expect([ids[1], ids[3]]).toEqual([kept, kept]);
  expect(ids[0]).toBe(ids[2]);
  expect(await jobsWith("bulk new")).toMatchObject([{ id: ids[0], state: "queued", round: 3, send: 1 }]);
  expect(await jobsWith("bulk old")).toMatchObject([{ id: kept, state: "queued", round: 4 }]);
  expect(await sendsOf(db, ids[0] as string)).toEqual([1]);
});

test("reject refuses the newcomer and names the job that has the key; afterwards it may come", async () => {
  const first = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "only" });
  const reject = () => enqueue(db, Ask, { round: 2 }, { uniqueKey: "only", ifTaken: "reject" });
  await expect(reject()).rejects.toMatchObject({
    code: "DU006",
    message: `duly: the unique key "only" of type "test.ask" is taken by job ${first}`,
    hint: expect.stringContaining("keep or replace") as string,
  });
  await complete(db, [{ id: first, send: 1, result: undefined, startedAt: new Date() }]);
  expect(await reject()).not.toBe(first);
});

test("of many who would be rejected, one is not", async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, (_, round) =>
      enqueue(round % 2 === 0 ? db : second, Ask, { round }, { uniqueKey: "rush", ifTaken: "reject" }),
    ),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await jobsWith("rush")).toHaveLength(1);
});

test.each([
  [{ ifTaken: "replace" as const }, /has no unique key/],
  [{ orderingKey: "" }, /ordering key of job 1 .* has 0 characters/],
  [{ orderingKey: "x".repeat(256) }, /has 256 characters/],
  [{ uniqueKey: "k", ifTaken: "evict" as "keep" }, /cannot be "evict"/],
])("%j cannot be meant", async (options, sentence) => {
  await expect(enqueue(db, Ask, { round: 1 }, options)).rejects.toMatchObject({
    code: "DU005",
    message: expect.stringMatching(sentence) as string,
  });
});

test("whoever takes a job's place does not inherit that somebody wanted it cancelled", async () => {
  const first = await enqueue(db, Ask, { round: 1 }, { uniqueKey: "unwanted" });
  const taken = await takeJob(db, { id: first, send: 1, holder: randomUUID() });
  if (taken === undefined) throw new Error("nobody else takes it");
  expect(await cancel(db, first, "no")).toBe("requested");
  await giveBackJob(db, taken, { begun: false, again: false }); // its process stops
  expect(await replace(2, "unwanted")).toBe(first);
  const row =
    await sql`select state, cancel_requested, cancel_reason, crashes from duly.jobs where id = ${first}`.execute(
      db,
    );
  expect(row.rows).toEqual([{ state: "queued", cancel_requested: false, cancel_reason: null, crashes: 0 }]);
});
