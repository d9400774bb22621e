import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineEvent, defineJob, emit, enqueue, enqueueMany, PRIORITIES } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire } from "../../support/tcp-proxy.ts";
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
  listener = await listenTo(engine.broker.url, "pinger.medium");
  notes = await hearNotes(engine);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((part) => part.stop()));
  await sql`truncate duly.outbox, duly.sleepers`.execute(engine.db);
});
afterAll(() => Promise.all([notes.stop(), listener.stop()]));

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

test("an idle relay publishes a commit within milliseconds, by notification", async () => {
  await startRelay();
  await allAsleep();
  const took: number[] = [];
  for (let turn = 0; turn < 11; turn += 1) {
    // The looks after a ring come close together; from here on they are 250 ms apart.
    await sql`select pg_sleep(0.3)`.execute(engine.db);
    const heard = listener.heard.length;
    const committed = await engine.db.transaction().execute(async (trx) => {
      await enqueue(trx, Ping, {});
      return () => Date.now();
    });
    const at = committed();
    await listener.until(heard + 1);
    took.push(listener.heard[heard]!.at - at);
  }
  took.sort((a, b) => a - b);
  // By the poll alone half of them would take more than 100 ms.
  expect(took[5]).toBeLessThan(40);
  expect(notes.all.some(({ channel }) => channel === "duly_relay")).toBe(true);
}, 20_000);

test("a transaction that asked before it slept and commits after its last look is found within the poll", async () => {
  const heard = listener.heard.length;
  await notes.settled();
  const id = await engine.db.transaction().execute(async (trx) => {
    // Nobody sleeps when it asks: there is no relay yet.
    const added = await enqueue(trx, Ping, {});
    await startRelay();
    await allAsleep();
    await sql`select pg_sleep(1.4)`.execute(trx);
    return added;
  });
  const committedAt = Date.now();
  await listener.until(heard + 1);
  expect(listener.heard[heard]?.id).toBe(id);
  expect(listener.heard[heard]!.at - committedAt).toBeLessThan(400);
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
  const heard = listener.heard.length;
  await enqueueMany(
    engine.db,
    Ping,
    Array.from({ length: 80 }, () => ({ payload: {} })),
  );
  await listener.until(heard + 10);
  await notes.settled();
  const extra: string[] = [];
  while (extra.length < 10) extra.push(await enqueue(engine.db, Ping, {}));
  expect(listener.heard.length).toBeLessThan(heard + 80);
  expect(await asleep()).not.toContain("jobs");
  expect((await notes.settled()).filter(({ channel }) => channel === "duly_relay")).toEqual([]);
  await listener.until(heard + 80 + extra.length);
  await allAsleep();
  await enqueue(engine.db, Ping, {});
  expect((await notes.settled()).filter(({ channel }) => channel === "duly_relay")).toHaveLength(1);
}, 20_000);

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
  const heard = listener.heard.length;
  wire.refuse(true);
  wire.cut();
  await enqueueMany(
    engine.db,
    Ping,
    Array.from({ length: 150 }, () => ({ payload: {} })),
  );
  wire.refuse(false);
  await listener.until(heard + 20);
  await eventually("the busy loop to be struck out", async () => !(await asleep()).includes("jobs"), 1_000);
  expect(listener.heard.length).toBeLessThan(heard + 150);
  await Promise.all(started.splice(0).map((part) => part.stop()));
  await wire.close();
});
