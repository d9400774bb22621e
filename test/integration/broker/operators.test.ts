import { type Channel, connect } from "amqplib";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { declareTopology } from "#shared/broker/topology.ts";
import { defineEvent, defineJob, emit, enqueue, handle } from "#shared/index.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { makeVirtualHost, management } from "../../support/virtual-host.ts";

const engine = useEngine();
const payload = z.object({});
const Poison = defineJob("owl.poison", { payload, priority: "high", attempts: 2, backoff: [1_000] });
const Plain = defineJob("owl.plain", { payload, priority: "low" });
const Brief = defineJob("owl.brief", { payload, priority: "batch" });
const Other = defineJob("lynx.other", { payload, priority: "high" });
const Fact = defineEvent("owl.seen", { version: 1, data: z.object({}) });

beforeAll(async () => {
  await register(engine.db, "owl", [Poison, Plain, Brief], []);
  await register(engine.db, "lynx", [Other], []);
  await engine.startRelay();
  await fillCounted();
});

/** A queue with 15 messages ready and 5 in somebody's hands, for the last test: RabbitMQ counts every 5 s. */
async function fillCounted(): Promise<void> {
  const connection = await connect(engine.broker.url);
  leave = () => connection.close();
  const channel = await connection.createChannel();
  await channel.assertQueue("counted", { durable: true, arguments: { "x-queue-type": "quorum" } });
  for (let n = 0; n < 20; n += 1) await engine.broker.put("counted", Buffer.from("{}"));
  for (let n = 0; n < 5; n += 1) await channel.get("counted");
}
let leave: () => Promise<void>;
afterAll(() => leave());

/** A channel as any client of the broker may open one, until the end of the test. */
async function foreignChannel(): Promise<Channel> {
  const connection = await connect(engine.broker.url);
  onTestFinished(() => connection.close());
  const channel = await connection.createChannel();
  channel.on("error", () => undefined);
  return channel;
}

async function published(id: string): Promise<void> {
  await eventually("it to be published", async () => {
    return (await sql`select from duly.outbox where ref = ${id}`.execute(engine.db)).rows.length === 0;
  });
}

interface Definitions {
  queues: { name: string; durable: boolean; auto_delete: boolean; arguments: Record<string, unknown> }[];
  exchanges: { name: string; durable: boolean; arguments: Record<string, unknown> }[];
  bindings: { source: string; destination: string; routing_key: string }[];
  policies: unknown[];
}

async function definitionsOf(virtualHost: string): Promise<Definitions> {
  const all = (await management("GET", `/api/definitions/${virtualHost}`)) as Definitions;
  const sorted = <T>(list: T[]) =>
    list.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  const { queues, exchanges, bindings, policies } = all;
  return { queues: sorted(queues), exchanges: sorted(exchanges), bindings: sorted(bindings), policies };
}

test("what is declared uses nothing that newer brokers refuse, and is the same after an export and import", async () => {
  const { queues, exchanges, bindings, policies } = await definitionsOf(engine.broker.name);
  const known = [
    "queue-type",
    "overflow",
    "delivery-limit",
    "message-ttl",
    "dead-letter-exchange",
    "dead-letter-strategy",
  ];
  const allowed = new Set([...known.map((name) => `x-${name}`), "description"]);
  expect(queues.length).toBeGreaterThanOrEqual(7);
  expect(
    queues.flatMap((queue) => Object.keys(queue.arguments)).filter((name) => !allowed.has(name)),
  ).toEqual([]);
  expect([...queues, ...exchanges].filter(({ durable }) => !durable)).toEqual([]);
  expect(queues.filter((queue) => queue.auto_delete)).toEqual([]);
  // At most two #: more are refused since 4.3.5.
  expect(bindings.filter(({ routing_key: key }) => key.split("#").length > 3)).toEqual([]);
  expect(policies).toEqual([]);

  const other = await makeVirtualHost();
  onTestFinished(() => other.remove());
  await management("POST", `/api/definitions/${other.name}`, { queues, exchanges, bindings, policies });
  expect(await definitionsOf(other.name)).toEqual({ queues, exchanges, bindings, policies });
  // And the relay finds there what it would have declared itself.
  const connection = await connect(other.url);
  onTestFinished(() => connection.close());
  await declareTopology(await connection.createChannel(), await readTopology(engine.db));
});

test("a message that is returned a hundred times leaves its queue once, for its job's letter, and enters no wait queue", async () => {
  const { db, broker } = engine;
  const id = await enqueue(db, Poison, {});
  const channel = await foreignChannel();
  let returns = 0;
  await channel.consume("owl.high", (message) => {
    if (message === null) return;
    returns += 1;
    channel.reject(message, true);
  });
  await eventually("the queue to give it up", async () => (await broker.count("duly.rejected")) === 1);
  await channel.close();
  expect(returns).toBe(101);
  const [rejected] = await broker.takeAll("duly.rejected");
  expect(rejected?.properties.headers?.["x-death"]).toMatchObject([
    { queue: "owl.high", reason: "delivery_limit", count: 1 },
  ]);
  expect(await broker.count("owl.high.retry.1s")).toBe(0);

  await broker.put("duly.rejected", rejected!.content, rejected!.properties);
  const recorder = await engine.startRecorder();
  const { last_error: error } = await engine.reaches(id, "dead_lettered");
  expect(error?.message).toMatch(/owl\.high gave it up: returned too often/);
  await recorder.stop();
});

test("a dead letter that people look at again and again stays in its queue", async () => {
  const { broker } = engine;
  await broker.put("lynx.dead-letters", Buffer.from("{}"));
  const look = { count: 1, ackmode: "ack_requeue_true", encoding: "auto" };
  for (let times = 0; times < 25; times += 1) {
    const seen = await eventually("the letter", async () => {
      const path = `/api/queues/${broker.name}/lynx.dead-letters/get`;
      const messages = (await management("POST", path, look)) as unknown[];
      return messages.length > 0 && messages;
    });
    expect(seen).toHaveLength(1);
  }
  await eventually(
    "the letter to be back",
    async () => (await broker.takeAll("lynx.dead-letters")).length === 1,
  );
  expect(await broker.count("duly.rejected")).toBe(0);
});

test("a client that declares a queue of ours in its own way is refused, and our consumer works on", async () => {
  const done: string[] = [];
  const handler = handle(Plain, { record: async (_, __, { job }) => void done.push(job.id) });
  const consumer = await engine.consume("owl", [handler], {}, { PRIORITIES: "low" });
  const first = await foreignChannel();
  await expect(first.assertQueue("owl.low", { durable: true })).rejects.toThrow(/PRECONDITION_FAILED/);
  const id = await enqueue(engine.db, Plain, {});
  await engine.reaches(id, "completed");
  // Passively it may look.
  const second = await foreignChannel();
  expect(await second.checkQueue("owl.low")).toMatchObject({ queue: "owl.low", consumerCount: 1 });
  await consumer.stop();
});

test.each([
  ["drops the oldest", {}, 1],
  ["refuses more", { "x-overflow": "reject-publish" }, 1],
])("a subscriber whose queue is full and %s holds up no job", async (_, more, kept) => {
  const { db, broker } = engine;
  const channel = await foreignChannel();
  const full = { "x-queue-type": "classic", "x-max-length": 1, ...more };
  await channel.assertQueue("foreign", { durable: true, arguments: full });
  onTestFinished(() => broker.deleteQueue("foreign"));
  await channel.bindQueue("foreign", "duly.events", "#");
  await db.transaction().execute(async (trx) => {
    for (let n = 0; n < 20; n += 1) await emit(trx, Fact, {});
  });
  const id = await enqueue(db, Plain, {});
  await published(id);
  // The events have a loop of the relay to themselves: the job waits for none of them, nor they for it.
  await expect.poll(() => broker.count("foreign"), { timeout: 15_000 }).toBe(kept);
  // The events of the one that drops are all confirmed; those of the other wait until it has room.
  await channel.unbindQueue("foreign", "duly.events", "#");
  await eventually("no event to be left", async () => {
    await sql`update duly.outbox set not_before = null where lane = 'event'`.execute(db);
    return (await sql`select from duly.outbox where lane = 'event'`.execute(db)).rows.length === 0;
  });
});

test("an operator's policy that lets waiting jobs expire makes letters of them that say so", async () => {
  const { db, broker } = engine;
  const policy = {
    pattern: "^owl\\.batch$",
    definition: { "message-ttl": 50 },
    priority: 100,
    "apply-to": "all",
  };
  await management("PUT", `/api/policies/${broker.name}/everything`, policy);
  onTestFinished(async () => void (await management("DELETE", `/api/policies/${broker.name}/everything`)));
  const id = await enqueue(db, Brief, {});
  const recorder = await engine.startRecorder();
  const job = await engine.reaches(id, "dead_lettered");
  expect(job).toMatchObject({
    attempt: 0,
    last_error: { message: expect.stringMatching(/expired.*policy/) as string },
  });
  const letters = await sql<{
    reason: string;
  }>`select reason from duly.dead_letters where job_id = ${id}`.execute(db);
  expect(letters.rows).toEqual([{ reason: "rejected_by_broker" }]);
  await recorder.stop();
});

test("the numbers of RabbitMQ's UI come to agree with the queue itself", async () => {
  const { broker } = engine;
  expect(await broker.count("counted")).toBe(15);
  const shown = async () => {
    const queue = (await management("GET", `/api/queues/${broker.name}/counted`)) as Record<string, unknown>;
    return [queue["messages_ready"], queue["messages_unacknowledged"], queue["messages"]];
  };
  await expect.poll(shown, { timeout: 15_000 }).toEqual([15, 5, 20]);
});

test("dead letters that are stuck are counted in RabbitMQ's UI, apart from what is ready and in hand", async () => {
  const { broker } = engine;
  const channel = await foreignChannel();
  await broker.unbind("duly.rejected", "duly.rejected", "");
  const bindAgain = () => broker.bind("duly.rejected", "duly.rejected", "");
  onTestFinished(bindAgain);
  for (let n = 0; n < 4; n += 1) await broker.put("lynx.high", Buffer.from("{}"));
  for (let n = 0; n < 3; n += 1) {
    const message = await channel.get("lynx.high");
    if (message !== false && n < 2) channel.reject(message, false);
  }
  const shown = async () => {
    const queue = (await management("GET", `/api/queues/${broker.name}/lynx.high`)) as Record<
      string,
      unknown
    >;
    return ["messages_ready", "messages_unacknowledged", "messages_dlx", "messages"].map(
      (name) => queue[name],
    );
  };
  await expect.poll(shown, { timeout: 15_000 }).toEqual([1, 1, 2, 4]);
  expect(await broker.count("duly.rejected")).toBe(0);
  await broker.takeAll("lynx.high");
});
