import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineEvent, defineJob, emit, enqueue, enqueueMany, PRIORITIES } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire } from "../../support/tcp-proxy.ts";
import { management } from "../../support/virtual-host.ts";
import { withoutPolls } from "../../support/without-polls.ts";
import { hearNotes, type Notes } from "../scheduler/notes.ts";
import { type Listener, listenTo } from "./listener.ts";

const engine = useEngine();
const Ping = defineJob("test.ping", { payload: z.object({}), priorities: PRIORITIES });
const Pinged = defineEvent("test.pinged", { version: 1, data: z.object({}) });
let notes: Notes;
let listener: Listener;
const started: Running[] = [];

beforeAll(async () => {
  await register(engine.db, "pinger", [Ping], []);
  await (await engine.startRelay()).stop();
});
beforeEach(async () => {
  await management("DELETE", `/api/queues/${engine.broker.name}/pinger.medium/contents`);
  listener = await listenTo(engine.broker.url, "pinger.medium");
  notes = await hearNotes(engine);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all([...started.splice(0), notes, listener].map((part) => part.stop()));
  await sql`truncate duly.outbox, duly.sleepers`.execute(engine.db);
});

async function startRelay(settings?: Record<string, string>): Promise<void> {
  started.push(await engine.startRelay(settings));
}

async function asleep(): Promise<string[]> {
  const found = await sql<{ loop: string }>`select loop from duly.sleepers order by loop`.execute(engine.db);
  return found.rows.map((row) => row.loop);
}

async function allAsleep(): Promise<void> {
  await eventually("the relay to sleep", async () => (await asleep()).join() === "critical,jobs,tell");
}

test("an idle relay publishes a commit by notification, not by its poll", async () => {
  const resting = withoutPolls();
  await startRelay();
  for (let turn = 1; turn <= 11; turn += 1) {
    // The looks after a ring come close together at first.
    await resting.until(3);
    await engine.db.transaction().execute((trx) => enqueue(trx, Ping, {}));
    await listener.until(turn);
  }
  expect(notes.all.some(({ channel }) => channel === "duly_relay")).toBe(true);
});

test("a transaction that asked before it slept and commits after its last look is found within the poll", async () => {
  const id = await engine.db.transaction().execute(async (trx) => {
    // Nobody sleeps when it asks: there is no relay yet.
    const added = await enqueue(trx, Ping, {});
    await startRelay();
    await allAsleep();
    await sql`select pg_sleep(1.4)`.execute(trx);
    return added;
  });
  const committedAt = Date.now();
  const [arrived] = await listener.until(1);
  expect(arrived?.id).toBe(id);
  expect(arrived!.at - committedAt).toBeLessThan(2_000); // without the poll it would be found after 20 s
  expect(await notes.settled()).toEqual([]);
});

test("only the loop whose lane has something new is rung", async () => {
  await startRelay();
  await allAsleep();
  await notes.settled();
  await enqueue(engine.db, Ping, {}, { priority: "critical" });
  await emit(engine.db, Pinged, {});
  await enqueueMany(engine.db, Ping, [
    { payload: {}, priority: "low" },
    { payload: {}, priority: "high" },
    { payload: {}, priority: "low" },
  ]);
  const lanes = (await notes.settled()).map(({ channel, payload }) => [channel, payload]);
  expect(lanes).toEqual([
    ["duly_relay", "critical"],
    ["duly_relay", "event"],
    ["duly_relay", "high,low"],
  ]);
});

test("a busy relay is not rung, and when it has nothing left it is rung again", async () => {
  await startRelay({ RELAY_WINDOW: "1" });
  await allAsleep();
  await enqueueMany(
    engine.db,
    Ping,
    Array.from({ length: 200 }, () => ({ payload: {} })),
  );
  await listener.until(10);
  await notes.settled();
  const extra: string[] = [];
  while (extra.length < 10) extra.push(await enqueue(engine.db, Ping, {}));
  expect(listener.heard.length).toBeLessThan(200);
  expect(await asleep()).not.toContain("jobs");
  expect((await notes.settled()).filter(({ channel }) => channel === "duly_relay")).toEqual([]);
  await listener.until(200 + extra.length);
  await allAsleep();
  await enqueue(engine.db, Ping, {});
  expect((await notes.settled()).filter(({ channel }) => channel === "duly_relay")).toHaveLength(1);
});

test("a relay that stopped is not rung any more", async () => {
  await startRelay();
  await allAsleep();
  await Promise.all(started.splice(0).map((part) => part.stop()));
  expect(await asleep()).toEqual([]);
});

test("a relay that found a backlog on its next connection is not rung while it is busy", async () => {
  const wire = await layWire(engine.broker.url);
  await startRelay({ RELAY_WINDOW: "1", AMQP_URL: wire.url });
  await allAsleep();
  wire.refuse(true);
  wire.cut();
  await enqueueMany(
    engine.db,
    Ping,
    Array.from({ length: 200 }, () => ({ payload: {} })),
  );
  wire.refuse(false);
  await listener.until(20);
  await eventually("the busy loop to be struck out", async () => !(await asleep()).includes("jobs"));
  expect(listener.heard.length).toBeLessThan(200);
  await Promise.all(started.splice(0).map((part) => part.stop()));
  await wire.close();
});
