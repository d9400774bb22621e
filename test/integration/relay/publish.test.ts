import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineEvent, defineJob, emit, enqueue, enqueueMany, PRIORITIES } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { retry } from "#shared/jobs/retry.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { type Listener, listenTo } from "./listener.ts";

const engine = useEngine();
const Pay = defineJob("test.pay", {
  payload: z.object({ n: z.int() }),
  priority: "high",
  priorities: PRIORITIES,
  attempts: 3,
  backoff: [1_000],
});
const Paid = defineEvent("test.paid", { version: 1, data: z.object({ n: z.int() }) });
const parts: (Running | Listener)[] = [];

beforeAll(async () => {
  await register(engine.db, "payer", [Pay], ["test.paid.v1"]);
  await (await engine.startRelay()).stop();
});
afterEach(async () => {
  await Promise.all(parts.splice(0).map((part) => part.stop()));
  await purge();
});

/** Empties the work queues of what earlier tests left there. */
async function purge(): Promise<void> {
  for (const priority of PRIORITIES)
    await management("DELETE", `/api/queues/${engine.broker.name}/payer.${priority}/contents`);
}

async function startRelay(settings?: Record<string, string>): Promise<void> {
  parts.push(await engine.startRelay(settings));
}

async function listen(queue: string, bound?: { exchange: string; key: string }): Promise<Listener> {
  const listener = await listenTo(engine.broker.url, queue, bound);
  parts.push(listener);
  return listener;
}

async function outboxEmpties(): Promise<void> {
  await eventually("the outbox to be empty", async () => {
    return (await sql`select from duly.outbox limit 1`.execute(engine.db)).rows.length === 0;
  });
}

test.each([
  ["critical", 9],
  ["high", 7],
  ["medium", 5],
  ["low", 3],
  ["batch", 1],
] as const)("a %s job arrives on its queue as any client can read it", async (priority, amqpPriority) => {
  const listener = await listen(`payer.${priority}`);
  await startRelay();
  const began = Date.now();
  const correlationId = randomUUID();
  const id = await enqueue(engine.db, Pay, { n: 7 }, { priority, correlationId });
  const [{ message }] = (await listener.until(1)) as [(typeof listener.heard)[0]];
  expect(JSON.parse(message.content.toString())).toEqual({ n: 7 });
  expect(message.fields).toMatchObject({ exchange: "duly.jobs", routingKey: `payer.${priority}.test.pay` });
  expect(message.properties).toMatchObject({
    messageId: id,
    type: "test.pay",
    correlationId,
    appId: "duly",
    contentType: "application/json",
    deliveryMode: 2,
    priority: amqpPriority,
    expiration: undefined,
    replyTo: undefined,
    headers: { "duly-send": 1, "duly-attempts": 0 },
  });
  const sentAt = message.properties.headers?.["duly-sent-at"] as number;
  expect(sentAt).toBeGreaterThanOrEqual(began);
  // Seconds, or a consumer in another language reads a date in the year 50,000.
  expect(message.properties.timestamp).toBe(Math.floor(sentAt / 1000));
  await outboxEmpties();
});

test("a retry waits on its wait queue and comes back under the same key, with the next send", async () => {
  const listener = await listen("payer.high");
  await startRelay();
  const id = await enqueue(engine.db, Pay, { n: 1 });
  await listener.until(1);
  const error = { name: "Error", message: "busy" };
  await retry(engine.db, { id, delayMs: 1_000, onLadder: true, error });
  const [first, second] = await listener.until(2);
  expect(second?.message.fields.routingKey).toBe("payer.high.test.pay");
  expect(second?.message.properties).toMatchObject({
    messageId: id,
    type: "test.pay",
    headers: { "duly-send": 2, "duly-attempts": 1 },
  });
  expect(second!.at - first!.at).toBeGreaterThanOrEqual(1_000);
});

test("a row whose job moved on, finished or is gone is dropped and not published", async () => {
  const listener = await listen("payer.high");
  const moved = await enqueue(engine.db, Pay, { n: 1 });
  const gone = await enqueue(engine.db, Pay, { n: 2 });
  await sql`update duly.jobs set send = send + 1 where id = ${moved}`.execute(engine.db);
  await sql`delete from duly.jobs where id = ${gone}`.execute(engine.db);
  const live = await enqueue(engine.db, Pay, { n: 3 });
  await startRelay();
  await outboxEmpties();
  await listener.until(1);
  expect(listener.heard.map(({ id }) => id)).toEqual([live]);
});

test("a backlog larger than the window goes out by priority, in order within one, and none starves", async () => {
  const audit = await listen("audit", { exchange: "duly.jobs", key: "#" });
  const lanes = ["batch", "low", "medium", "high"] as const;
  const placeOf = new Map<string, { priority: string; place: number }>();
  for (const priority of lanes) {
    const items = Array.from({ length: 400 }, (_, n) => ({ payload: { n }, priority }));
    const ids = await enqueueMany(engine.db, Pay, items);
    for (const [place, id] of ids.entries()) placeOf.set(id, { priority, place });
  }
  await startRelay({ RELAY_WINDOW: "20" });
  const order = (await audit.until(1_600)).map(({ id }) => placeOf.get(id)!);
  for (const lane of lanes) {
    const places = order.filter(({ priority }) => priority === lane).map(({ place }) => place);
    expect(places).toEqual(Array.from({ length: 400 }, (_, place) => place));
  }
  // While high ones fill the window of 20, each lower lane gets its twentieth: one row in each of 20 batches.
  const untilLastHigh = order.slice(
    0,
    order.findLastIndex(({ priority }) => priority === "high"),
  );
  for (const lane of ["medium", "low", "batch"]) {
    const served = untilLastHigh.filter(({ priority }) => priority === lane).length;
    expect(served).toBeGreaterThanOrEqual(15);
    expect(served).toBeLessThanOrEqual(25);
  }
  await engine.broker.unbind("audit", "duly.jobs", "#");
});

test("critical jobs do not wait behind a backlog of others", async () => {
  const ids = await enqueueMany(
    engine.db,
    Pay,
    Array.from({ length: 5_000 }, (_, n) => ({ payload: { n }, priority: "high" as const })),
  );
  const high = await listen("payer.high");
  const critical = await listen("payer.critical");
  await startRelay({ RELAY_WINDOW: "50" });
  await high.until(100);
  const id = await enqueue(engine.db, Pay, { n: 0 }, { priority: "critical" });
  await critical.until(1);
  expect(critical.heard[0]?.id).toBe(id);
  expect(high.heard.length).toBeLessThan(ids.length);
  await high.until(ids.length);
});

test("two relays share a backlog of 10,000 without a duplicate and without a loss", async () => {
  const listener = await listen("payer.batch");
  const ids: string[] = [];
  for (let part = 0; part < 2; part += 1) {
    const items = Array.from({ length: 5_000 }, (_, n) => ({ payload: { n }, priority: "batch" as const }));
    ids.push(...(await enqueueMany(engine.db, Pay, items)));
  }
  await Promise.all([startRelay(), startRelay()]);
  await listener.until(10_000);
  await outboxEmpties();
  expect(listener.heard.map(({ id }) => id).sort()).toEqual(ids.sort());
});

test("an event arrives as a CloudEvent at whoever listens", async () => {
  const listener = await listen("payer.events");
  await startRelay();
  const cause = { id: randomUUID(), correlationId: randomUUID() };
  const id = await emit(engine.db, Paid, { n: 5 }, { cause, subject: "payment-5" });
  const [{ message }] = (await listener.until(1)) as [(typeof listener.heard)[0]];
  expect(message.fields).toMatchObject({ exchange: "duly.events", routingKey: "test.paid.v1" });
  expect(JSON.parse(message.content.toString())).toEqual({ n: 5 });
  const stored = await sql<{
    occurred_at: Date;
  }>`select occurred_at from duly.events where id = ${id}`.execute(engine.db);
  expect(message.properties).toMatchObject({
    messageId: id,
    type: "test.paid.v1",
    deliveryMode: 2,
    contentType: "application/json",
    headers: {
      cloudEvents_specversion: "1.0",
      cloudEvents_id: id,
      cloudEvents_type: "test.paid.v1",
      cloudEvents_source: "duly",
      cloudEvents_subject: "payment-5",
      cloudEvents_time: stored.rows[0]!.occurred_at.toISOString(),
      cloudEvents_correlationid: cause.correlationId,
      cloudEvents_causationid: cause.id,
    },
  });
});

test("an event that nobody listens to counts as published", async () => {
  const Unheard = defineEvent("test.unheard", { version: 1, data: z.object({}) });
  await startRelay();
  const id = await emit(engine.db, Unheard, {});
  await outboxEmpties();
  expect((await sql`select from duly.events where id = ${id}`.execute(engine.db)).rows).toHaveLength(1);
});

test("a dead letter's parked copy lies in RabbitMQ with the job's body and what happened", async () => {
  const id = await enqueue(engine.db, Pay, { n: 9 });
  await writeLetters(engine.db, [{ id, attempts: 3 }], "attempts_exhausted", {
    name: "E",
    message: "no funds",
  });
  await startRelay();
  await outboxEmpties();
  const [copy, ...more] = await engine.broker.takeAll("payer.dead-letters");
  expect(more).toEqual([]);
  expect(copy?.fields.routingKey).toBe("payer.high.test.pay");
  expect(copy?.content.toString()).toBe('{"n": 9}');
  expect(copy?.properties).toMatchObject({
    messageId: id,
    headers: {
      "duly-reason": "attempts_exhausted",
      "duly-error": "no funds",
      "duly-attempts": 3,
      "duly-origin": "payer.high",
      "duly-job": id,
    },
  });
});
