import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, handle } from "#shared/index.ts";
import {
  add,
  declareQueueOf,
  effectsOf,
  Gate,
  holds,
  leaveToGhost,
  lettersOf,
  published,
  putSend,
  useRoad,
} from "./road.ts";

const engine = useRoad();
const payload = z.object({ note: z.string() });
const job = (type: string) => defineJob(type, { payload, priority: "high" });

test.concurrent("a stale send is acked and forgotten", async () => {
  const Work = job("stale.work");
  const calls: string[] = [];
  const consumer = await engine.consume(
    "stale",
    [
      handle(Work, {
        effects: "keyed",
        perform: async ({ payload: { note } }) => void calls.push(note),
        record: async () => undefined,
      }),
    ],
    { high: 1 },
  );
  const later = await add(engine, Work, { note: "later" }, { runAt: new Date(Date.now() + 3_600_000) });
  const first = await add(engine, Work, { note: "first" });
  await engine.reaches(first, "completed");
  await putSend(engine, "stale.high", { type: Work.type, id: later, send: 1, payload: { note: "later" } });
  await putSend(engine, "stale.high", { type: Work.type, id: first, send: 1, payload: { note: "first" } });
  const last = await add(engine, Work, { note: "last" });
  await engine.reaches(last, "completed");
  await consumer.stop();
  expect(calls).toEqual(["first", "last"]);
  expect(await engine.broker.count("stale.high")).toBe(0);
  expect(await engine.reaches(later, "scheduled")).toMatchObject({ send: 0, claim: 0 });
  expect([await lettersOf(engine, later), await lettersOf(engine, first)]).toEqual([[], []]);
});

test.concurrent("a stale send of a job that waits for its next attempt does not run it early", async () => {
  const backoff = { attempts: 2, backoff: [1_000] };
  const Perform = defineJob("early.perform", { payload, priority: "high", ...backoff });
  const Record = defineJob("early.record", { payload, priority: "high", ...backoff });
  const times = new Map<string, number[]>();
  const failOnce = async ({ job: { id } }: { job: { id: string } }) => {
    const earlier = times.get(id) ?? [];
    times.set(id, [...earlier, Date.now()]);
    if (earlier.length === 0) throw new Error("once more");
  };
  await engine.consume("early", [
    handle(Perform, { effects: "keyed", perform: failOnce }),
    handle(Record, { record: async (_, __, context) => failOnce(context) }),
  ]);
  const staleWhileWaiting = async ({ type }: { type: string }, id: string) => {
    expect(await engine.reaches(id, "retrying")).toMatchObject({ send: 2 });
    await putSend(engine, "early.high", { type, id, send: 1, payload: { note: "x" } });
    expect(await engine.reaches(id, "completed")).toMatchObject({ send: 2, attempt: 2 });
    const [first = 0, second = 0, ...more] = times.get(id) ?? [];
    expect(second - first).toBeGreaterThanOrEqual(1_000);
    expect(more).toEqual([]);
  };
  await Promise.all(
    [Perform, Record].map(async (work) => staleWhileWaiting(work, await add(engine, work, { note: "x" }))),
  );
});

test.concurrent("a stale send of a recorded job does not run it an hour early", async () => {
  const Work = defineJob("hour.work", { payload, priority: "high", attempts: 2, backoff: [3_600_000] });
  const record = async (_: unknown, __: unknown, { payload: { note } }: { payload: { note: string } }) => {
    if (note === "waits") throw new Error("in an hour");
  };
  await engine.consume("hour", [handle(Work, { record })]);
  const id = await add(engine, Work, { note: "waits" });
  expect(await engine.reaches(id, "retrying")).toMatchObject({ attempt: 1 });
  await putSend(engine, "hour.high", { type: Work.type, id, send: 1, payload: { note: "stale" } });
  await engine.reaches(await add(engine, Work, { note: "after" }), "completed");
  expect(await engine.reaches(id, "retrying")).toMatchObject({ attempt: 1 });
});

test.concurrent("a copy that is not redelivered of a job that another process runs is acked and not run", async () => {
  const Work = job("elsewhere.work");
  const queue = await declareQueueOf(engine, "elsewhere", Work);
  const id = await add(engine, Work, { note: "elsewhere" });
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id, true);
  const calls: string[] = [];
  const perform = async ({ payload: { note } }: { payload: { note: string } }) => void calls.push(note);
  const consumer = await engine.consume("elsewhere", [handle(Work, { effects: "keyed", perform })], {
    high: 1,
  });
  await engine.reaches(await add(engine, Work, { note: "after" }), "completed");
  await consumer.stop();
  expect(calls).toEqual(["after"]);
  expect(await engine.reaches(id, "running")).toMatchObject({ claim: 1 });
  expect(await engine.broker.count(queue)).toBe(0);
});

test.concurrent("a second delivery of a running job that is not redelivered is acked and not run", async () => {
  const Work = job("twice.work");
  const gate = new Gate();
  const calls: string[] = [];
  const perform = async ({ payload: { note } }: { payload: { note: string } }) => {
    calls.push(note);
    if (note === "slow") await gate.pass();
  };
  const handler = handle(Work, { effects: "keyed", perform, record: async () => undefined });
  const consumer = await engine.consume("twice", [handler], { high: 2 });
  const slow = await add(engine, Work, { note: "slow" });
  await gate.reached;
  await putSend(engine, "twice.high", { type: Work.type, id: slow, send: 1, payload: { note: "slow" } });
  await engine.reaches(await add(engine, Work, { note: "after" }), "completed");
  gate.open();
  expect(await engine.reaches(slow, "completed")).toMatchObject({ claim: 1, attempt: 1 });
  await consumer.stop();
  expect(calls).toEqual(["slow", "after"]);
  expect(await engine.broker.count("twice.high")).toBe(0);
});

test.concurrent("a redelivered keyed job whose holder vanished is taken over under the next claim and the same key", async () => {
  const Work = job("takeover.work");
  const queue = await declareQueueOf(engine, "takeover", Work);
  const id = await add(engine, Work, { note: "x" });
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id, true); // even when its heartbeat goes on: its channel is gone
  await engine.broker.handBack(queue);
  const keys: string[] = [];
  const perform = async ({ intent }: { intent: { key: string } }) => void keys.push(intent.key);
  await engine.consume("takeover", [
    handle(Work, { effects: "keyed", perform, record: async () => undefined }),
  ]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ claim: 2, attempt: 1, send: 1 });
  expect(keys).toEqual([`${id}.1`]);
});

test.concurrent("what a holder records after another took the job over writes nothing", async () => {
  const Work = job("zombie.work");
  const zombie = new Gate();
  const other = new Gate();
  const over = Promise.withResolvers<void>();
  const consumerOf = (name: string, gate: Gate, done?: () => void) =>
    handle(Work, {
      effects: "keyed",
      perform: async ({ payload: { note } }) => {
        if (note === "contested") await gate.pass(); // heeds no signal
        done?.();
        return name;
      },
      record: async (trx, receipt, { job: { id } }) => {
        await sql`insert into effects (job, note) values (${id}, ${receipt})`.execute(trx);
        return receipt;
      },
    });
  await engine.consume("zombie", [consumerOf("first", zombie, over.resolve)], { high: 1 });
  const id = await add(engine, Work, { note: "contested" });
  await zombie.reached;
  const filler = await add(engine, Work, { note: "fills the prefetch of the first" });
  await published(engine, filler);
  await holds(engine, "zombie.high", 0);
  await putSend(engine, "zombie.high", { type: Work.type, id, send: 1, payload: { note: "contested" } });
  await holds(engine, "zombie.high", 1);
  await engine.broker.handBack("zombie.high");
  await engine.consume("zombie", [consumerOf("second", other)], { high: 1 });
  await other.reached;
  zombie.open(); // it finishes while the second is at work
  await over.promise;
  await engine.reaches(filler, "completed"); // by the first, which has settled the contested one before
  expect(await engine.reaches(id, "running")).toMatchObject({ claim: 2 });
  expect(await effectsOf(engine, id)).toEqual([]);
  other.open();
  expect(await engine.reaches(id, "completed")).toMatchObject({ claim: 2, attempt: 1, result: "second" });
  expect(await effectsOf(engine, id)).toEqual(["second"]);
});

test.concurrent("a redelivered atLeastOnce job is left to a holder that shows signs of life", async () => {
  const Work = job("alive.work");
  const queue = await declareQueueOf(engine, "alive", Work);
  const id = await add(engine, Work, { note: "held" });
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id, true);
  await engine.broker.handBack(queue);
  const calls: string[] = [];
  const perform = async ({ payload: { note } }: { payload: { note: string } }) => void calls.push(note);
  const handler = handle(Work, { effects: "atLeastOnce", perform, record: async () => undefined });
  const consumer = await engine.consume("alive", [handler], { high: 1 });
  await engine.reaches(await add(engine, Work, { note: "after" }), "completed");
  await consumer.stop();
  expect(calls).toEqual(["after"]);
  expect(await engine.broker.count(queue)).toBe(0);
  expect(await engine.reaches(id, "running")).toMatchObject({ claim: 1 });
});

test.concurrent("a redelivered atLeastOnce job is taken over when its holder has signed off", async () => {
  const Work = job("gone.work");
  const queue = await declareQueueOf(engine, "gone", Work);
  const id = await add(engine, Work, { note: "held" });
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id);
  await engine.broker.handBack(queue);
  const perform = async () => "done again";
  await engine.consume("gone", [handle(Work, { effects: "atLeastOnce", perform })]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ claim: 2, attempt: 1, result: "done again" });
});

test("a late copy of a finished job is stale and not unknown, in the history too", async () => {
  const Perform = job("late.perform");
  const Record = defineJob("late.record", { payload, priority: "high" });
  const calls: string[] = [];
  const consumer = await engine.consume(
    "late",
    [
      handle(Perform, { effects: "keyed", perform: async (c) => void calls.push(c.payload.note) }),
      handle(Record, { record: async (_, __, c) => void calls.push(c.payload.note) }),
    ],
    { high: 1 },
  );
  const copies: Parameters<typeof putSend>[2][] = [];
  for (const type of [Perform, Record]) {
    const id = await add(engine, type, { note: type.type });
    await engine.reaches(id, "completed");
    copies.push({ type: type.type, id, send: 1, payload: { note: "late copy" } });
  }
  for (const copy of copies) await putSend(engine, "late.high", copy);
  await engine.reaches(await add(engine, Perform, { note: "between" }), "completed");
  const none = "00000000-0000-0000-0000-000000000000";
  await sql`select duly.archive_finished(${none}::uuid, '0 s', 1000)`.execute(engine.db);
  for (const copy of copies) await putSend(engine, "late.high", copy);
  await engine.reaches(await add(engine, Perform, { note: "end" }), "completed");
  await engine.reaches(await add(engine, Record, { note: "end" }), "completed");
  await consumer.stop();
  expect(calls).toEqual(["late.perform", "late.record", "between", "end", "end"]);
  expect(await engine.broker.count("late.high")).toBe(0);
  for (const { id } of copies) expect(await lettersOf(engine, id)).toEqual([]);
});

test("a late copy of the last attempt of a dead letter runs nothing and replays nothing", async () => {
  const Work = defineJob("buried.work", { payload, priority: "high", attempts: 1 });
  const calls: string[] = [];
  const perform = async ({ payload: { note } }: { payload: { note: string } }) => {
    calls.push(note);
    if (note === "fails") throw new Error("for good");
  };
  const consumer = await engine.consume("buried", [handle(Work, { effects: "keyed", perform })], { high: 1 });
  const id = await add(engine, Work, { note: "fails" });
  await engine.reaches(id, "dead_lettered");
  const copy = { type: Work.type, id, send: 1, payload: { note: "late copy" } };
  await putSend(engine, "buried.high", copy);
  // As the broker brings it again when its consumer died before the ack.
  await putSend(engine, "buried.high", copy);
  await engine.broker.handBack("buried.high");
  await engine.reaches(await add(engine, Work, { note: "after" }), "completed");
  await consumer.stop();
  expect(calls).toEqual(["fails", "after"]);
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ send: 1, attempt: 1 });
  const letters = await sql<{ open: boolean }>`
    select closed_at is null as open from duly.dead_letters where job_id = ${id}`.execute(engine.db);
  expect(letters.rows).toEqual([{ open: true }]);
  expect(await engine.broker.count("buried.high")).toBe(0);
});
