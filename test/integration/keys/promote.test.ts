import { type QueryExecutorProvider, sql } from "kysely";
import { expect, test } from "vitest";
import { enqueue, enqueueMany } from "#shared/index.ts";
import { cancelJob } from "#shared/jobs/cancel-job.ts";
import { complete } from "#shared/jobs/complete.ts";
import { fireDue } from "#shared/jobs/fire-due.ts";
import { hold } from "#shared/jobs/hold.ts";
import { promote } from "#shared/jobs/promote.ts";
import { replayLetter } from "#shared/jobs/replay-letter.ts";
import { retry } from "#shared/jobs/retry.ts";
import { signalLines } from "#shared/jobs/signal-lines.ts";
import { takeJob } from "#shared/jobs/take-job.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { Hop, holdOpen, lineOf, promoteAll, Step, sendsOf } from "./line.ts";

const { db, open } = await serviceDatabase("lines", [Step, Hop]);
const others = open(6);
const error = { name: "E", message: "no" };
const done = (id: string) => complete(db, [{ id, send: 1, result: undefined, startedAt: new Date() }]);
const dieOf = (id: string) => writeLetters(db, [{ id, attempts: 1 }], "permanent_error", error);

/** Enqueues jobs 1, 2, … of a line and lets the first go. */
async function startLine(orderingKey: string, count: number, definition: typeof Step | typeof Hop = Step) {
  const items = Array.from({ length: count }, (_, place) => ({ payload: { n: place + 1 }, orderingKey }));
  const ids = await enqueueMany(db, definition, items);
  await promoteAll(db);
  return ids as [string, string, ...string[]];
}

test("a job with an ordering key is blocked, unsent, until the promoter sends the first of its line", async () => {
  const [first, second] = await enqueueMany(db, Step, [
    { payload: { n: 1 }, orderingKey: "plain" },
    { payload: { n: 2 }, orderingKey: "plain" },
  ]);
  expect(await lineOf(db, "plain")).toEqual(["1 blocked", "2 blocked"]);
  await promoteAll(db);
  expect(await lineOf(db, "plain")).toEqual(["1 queued", "2 blocked"]);
  expect([await sendsOf(db, first as string), await sendsOf(db, second as string)]).toEqual([[1], []]);
});

test("a line goes by due time, then by number; a job that is not due yet holds up nobody", async () => {
  const at = (ms: number) => new Date(Date.now() + ms);
  const times = [at(-1_000), at(-3_000), at(3_600_000), at(-3_000), undefined];
  const items = times.map((runAt, place) => ({ payload: { n: place }, orderingKey: "due", runAt }));
  await enqueueMany(db, Step, items);
  await fireDue(db, 100, 10);
  expect(await lineOf(db, "due")).toEqual([
    "0 blocked",
    "1 blocked",
    "2 scheduled",
    "3 blocked",
    "4 blocked",
  ]);
  const order: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await promoteAll(db);
    const active = await sql<{ id: string; n: string }>`
      select id, payload ->> 'n' as n from duly.jobs where active_key = 'due'`.execute(db);
    expect(active.rows).toHaveLength(1);
    order.push(active.rows[0]?.n ?? "");
    await done(active.rows[0]?.id ?? "");
  }
  expect(order).toEqual(["1", "3", "0", "4"]);
});

test("the last of a line completes while its successor is being enqueued: it goes, whoever commits first", async () => {
  for (const order of ["enqueue first", "complete first"]) {
    const [first] = await startLine(order, 1);
    const add = await holdOpen(others, (trx) => enqueue(trx, Step, { n: 2 }, { orderingKey: order }));
    const finish = await holdOpen(others, (trx) =>
      complete(trx, [{ id: first, send: 1, result: undefined, startedAt: new Date() }]),
    );
    for (const end of order === "enqueue first" ? [add, finish] : [finish, add]) {
      await end("commit");
      await promoteAll(db);
    }
    expect(await lineOf(db, order)).toEqual(["1 completed", "2 queued"]);
  }
});

test("many promoters at once send one job of each line, without an error", async () => {
  const keys = Array.from({ length: 60 }, (_, place) => `crowd ${place}`);
  for (let turn = 0; turn < 4; turn += 1) {
    const items = keys.flatMap((orderingKey) => [1, 2].map((n) => ({ payload: { n }, orderingKey })));
    await Promise.all([enqueueMany(db, Step, items), enqueueMany(others, Step, items)]);
    await Promise.all([7, 20, 200, 3, 50].map((limit) => promoteAll(others, limit)));
    const active = await sql<{ id: string }>`
      select id from duly.jobs where active_key like 'crowd %'`.execute(db);
    expect(active.rows).toHaveLength(keys.length);
    await complete(
      db,
      active.rows.map(({ id }) => ({ id, send: 1, result: undefined, startedAt: new Date() })),
    );
  }
});

test("a line that a promoter is at work on is left to it, even when another job has become its head", async () => {
  const first = await enqueue(db, Step, { n: 1 }, { orderingKey: "at work" });
  const end = await holdOpen(others, (trx) => promote(trx, 200));
  await enqueue(db, Step, { n: 2 }, { orderingKey: "at work", runAt: new Date(0) });
  await fireDue(db, 100, 10);
  await promoteAll(db);
  expect(await lineOf(db, "at work")).toEqual(["1 blocked", "2 blocked"]);
  await end("commit");
  await promoteAll(db);
  expect(await lineOf(db, "at work")).toEqual(["1 queued", "2 blocked"]);
  expect(await sendsOf(db, first)).toEqual([1]);
});

test.each([
  ["completion", Step, done],
  ["cancelling", Step, (id: string) => cancelJob(db, id, "no")],
  ["a dead letter, where the definition says continue,", Hop, dieOf],
])("%s lets the next one go", async (how, definition, depart) => {
  const [first] = await startLine(how, 3, definition);
  await depart(first);
  await promoteAll(db);
  expect((await lineOf(db, how)).slice(1)).toEqual(["2 queued", "3 blocked"]);
});

test.each([
  ["a run", (id: string) => takeJob(db, { id, send: 1, holder: id })],
  ["a backoff", (id: string) => retry(db, { id, delayMs: 500, onLadder: false, error })],
  ["a wait in RabbitMQ", (id: string) => retry(db, { id, delayMs: 1_000, onLadder: true, error })],
  ["a hold", (id: string) => hold(db, { id, waitsFor: "x", delayMs: 500, error })],
  ["a dead letter", dieOf],
])("%s holds the line", async (how, happen) => {
  const [first] = await startLine(how, 2);
  await happen(first);
  await promoteAll(db);
  expect((await lineOf(db, how))[1]).toBe("2 blocked");
});

test("a table-timed retry goes on at its time as the active one, not through the line", async () => {
  const [first] = await startLine("timed", 2);
  await retry(db, { id: first, delayMs: 0, onLadder: false, error });
  await fireDue(db, 100, 10);
  expect(await lineOf(db, "timed")).toEqual(["1 queued", "2 blocked"]);
  expect(await sendsOf(db, first)).toEqual([1, 3]);
});

async function replay(jobId: string) {
  const letters = await sql<{ id: string }>`select id from duly.dead_letters where job_id = ${jobId}`.execute(
    db,
  );
  return db.transaction().execute((trx) => replayLetter(trx, letters.rows[0]?.id ?? ""));
}

test("a replayed letter that held its line goes first, one that did not waits for its turn", async () => {
  const [held] = await startLine("held up", 2);
  await dieOf(held);
  expect(await replay(held)).toBe("replayed");
  expect(await lineOf(db, "held up")).toEqual(["1 blocked", "2 blocked"]);
  await promoteAll(db);
  expect(await lineOf(db, "held up")).toEqual(["1 queued", "2 blocked"]);

  const [passed, second] = await startLine("passed by", 3, Hop);
  await dieOf(passed);
  await promoteAll(db);
  expect(await replay(passed)).toBe("replayed");
  await promoteAll(db);
  expect(await lineOf(db, "passed by")).toEqual(["1 blocked", "2 queued", "3 blocked"]);
  await done(second);
  await promoteAll(db);
  expect(await lineOf(db, "passed by")).toEqual(["1 queued", "2 completed", "3 blocked"]);
});

test.each(["commit", "roll back"] as const)(
  "a head that is being cancelled is waited for (%s), and no other line with it",
  async (how) => {
    const [first, second] = await startLine(`head ${how}`, 3);
    const end = await holdOpen(others, (trx) => cancelJob(trx, second, "no longer wanted"));
    await done(first);
    const [other] = await enqueueMany(db, Step, [{ payload: { n: 1 }, orderingKey: `beside ${how}` }]);
    await promoteAll(db);
    expect(await lineOf(db, `head ${how}`)).toEqual(["1 completed", "2 blocked", "3 blocked"]);
    expect(await sendsOf(db, other as string)).toEqual([1]);
    await end(how);
    await promoteAll(db);
    const left = how === "commit" ? ["2 cancelled", "3 queued"] : ["2 queued", "3 blocked"];
    expect((await lineOf(db, `head ${how}`)).slice(1)).toEqual(left);
  },
);

test("urgent lines move first, whatever has gathered before them", async () => {
  await enqueueMany(
    db,
    Step,
    Array.from({ length: 40 }, (_, n) => ({
      payload: { n },
      orderingKey: `bulk ${n}`,
      priority: "batch" as const,
    })),
  );
  const urgent = await enqueue(db, Step, { n: 1 }, { orderingKey: "urgent", priority: "critical" });
  await db.transaction().execute((trx) => promote(trx, 5));
  expect(await sendsOf(db, urgent)).toEqual([1]);
  await promoteAll(db);
});

test("lines whose signals are gone are found by walking over them, page by page", async () => {
  const keys = Array.from({ length: 7 }, (_, place) => `walk ${place}`);
  const items = keys.flatMap((orderingKey) => [1, 2].map((n) => ({ payload: { n }, orderingKey })));
  await enqueueMany(db, Step, items);
  await sql`delete from duly.line_signals`.execute(db);
  await promoteAll(db);
  expect(await lineOf(db, "walk 6")).toEqual(["1 blocked", "2 blocked"]);
  let above: string | undefined = "walk";
  let pages = 0;
  for (; above !== undefined; pages += 1) above = await signalLines(db, above, 3);
  expect(pages).toBe(3);
  await promoteAll(db);
  for (const key of keys) expect(await lineOf(db, key)).toEqual(["1 queued", "2 blocked"]);
});

test("the database itself refuses a second active job of a key", async () => {
  const [, second] = await startLine("guarded", 2);
  const force = sql`update duly.jobs set state = 'queued' where id = ${second}`.execute(db);
  await expect(force).rejects.toMatchObject({ code: "23505", constraint: "jobs_active_key" });
});

test("a job without a key is still updated in place, from queued to completed", async () => {
  const id = await enqueue(db, Step, { n: 1 });
  const updates = (trx: QueryExecutorProvider) =>
    sql<{ all: number; inPlace: number }>`
      select n_tup_upd::int as all, n_tup_hot_upd::int as "inPlace" from pg_stat_xact_user_tables
      where schemaname = 'duly' and relname = 'jobs'`.execute(trx);
  const [before, after] = await db.transaction().execute(async (trx) => {
    const counted = await updates(trx);
    await complete(trx, [{ id, send: 1, result: undefined, startedAt: new Date() }]);
    return [counted.rows[0], (await updates(trx)).rows[0]];
  });
  expect(after?.all).toBe((before?.all ?? 0) + 1);
  expect(after?.inPlace).toBe((before?.inPlace ?? 0) + 1);
});
