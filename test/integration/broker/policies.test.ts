import { sql } from "kysely";
import { beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { z } from "zod";
import { readPolicedQueues } from "#shared/broker/read-policed-queues.ts";
import { defineEvent, defineJob, emit, enqueue, handle, PermanentError, subscribe } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { PolicyWatch } from "../../../services/relay/policy-watch.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { said, watchedLog } from "../../support/watched-log.ts";

/** What an operator's policies do to queues of ours, and what is made of it. */

const engine = useEngine();
const payload = z.object({});
const Plain = defineJob("owl.plain", { payload, priority: "low" });
const Notice = defineJob("lynx.notice", { payload, priority: "high" });
const Other = defineJob("puma.notice", { payload, priority: "high" });
const Fact = defineEvent("owl.seen", { version: 1, data: z.object({}) });

beforeAll(async () => {
  await register(engine.db, "owl", [Plain], []);
  await register(engine.db, "lynx", [Notice], [Fact.routingKey]);
  await register(engine.db, "puma", [Other], [Fact.routingKey]);
  await engine.startRelay();
});
beforeEach(async () => {
  await nothingToPublish();
  await sql`truncate duly.repairs, duly.dead_letters, duly.event_resends`.execute(engine.db);
  // What others left: jobs whose letters would come on top, and what a policy's time, which counts for what comes after
  // it, would never take.
  for (const queue of ["owl.low", "lynx.events", "puma.events", "duly.rejected", "owl.dead-letters"])
    await engine.broker.takeAll(queue);
});

/** Puts a policy over queues until the end of the test, or until what it gives is called. */
async function police(pattern: string, definition: Record<string, unknown>): Promise<() => Promise<void>> {
  const path = `/api/policies/${engine.broker.name}/everything`;
  await management("PUT", path, { pattern, definition, priority: 100, "apply-to": "all" });
  const lift = async () => void (await management("DELETE", path));
  onTestFinished(lift);
  return lift;
}

/** What the relay looks with. */
function watch(): PolicyWatch {
  const address = { managementUrl: inject("rabbitmqUrl"), amqpUrl: engine.broker.url };
  const read = () => readPolicedQueues(address, new AbortController().signal);
  return new PolicyWatch({ db: engine.db, read, log: watchedLog("relay") });
}

async function repairs(): Promise<{ kind: string; detail: Record<string, unknown> }[]> {
  const found = await sql<{ kind: string; detail: Record<string, unknown> }>`
    select kind, detail from duly.repairs where kind in ('harmful policies', 'made good') order by id
  `.execute(engine.db);
  return found.rows;
}

async function nothingToPublish(): Promise<void> {
  await eventually("all to be published", async () => {
    return (await sql`select from duly.outbox`.execute(engine.db)).rows.length === 0;
  });
}

const react = () => ({ job: Notice, payload: {} });
/** The service that subscribes, and tells of each event that has become a job of its own. */
async function startLynx(heard: () => void): Promise<void> {
  const record = async () => heard();
  const lynx = await engine.consume("lynx", [handle(Notice, { record }), subscribe(Fact, react)]);
  onTestFinished(() => lynx.stop());
}

test("a policy over everything is said and written down; what it took of letters and events comes again when it is gone", async () => {
  const { db, broker } = engine;
  const refuse = async () => {
    throw new PermanentError("no", "not this one");
  };
  const owl = await engine.consume("owl", [handle(Plain, { record: refuse })]);
  onTestFinished(() => owl.stop());
  const lift = await police(".*", { "message-ttl": 200 });
  const looking = watch();
  await eventually("the policy to be seen", async () => {
    await looking.look();
    return (await repairs()).length > 0;
  });
  await looking.look();
  expect(await repairs()).toMatchObject([
    {
      kind: "harmful policies",
      detail: { policies: '"everything": message-ttl 200', queues: expect.stringMatching(/\w/) as string },
    },
  ]);

  const id = await enqueue(db, Plain, {});
  await engine.reaches(id, "dead_lettered");
  await db.transaction().execute((trx) => emit(trx, Fact, {}));
  await nothingToPublish();
  const places = ["owl.dead-letters", "lynx.events", "duly.rejected"];
  await eventually("copy and event to vanish", async () => {
    return (await Promise.all(places.map((queue) => broker.count(queue)))).every((count) => count === 0);
  });

  await lift();
  await eventually("it to be made good", async () => {
    await looking.look();
    return (await repairs()).length > 1;
  });
  expect((await repairs())[1]).toMatchObject({ kind: "made good", detail: { letters: 1 } });
  await eventually("the copy", async () => (await broker.count("owl.dead-letters")) === 1);
  const [copy] = await broker.takeAll("owl.dead-letters");
  expect(copy?.properties.headers).toMatchObject({ "duly-job": id, "duly-copy": 2 });
  const heard = Promise.withResolvers<void>();
  await startLynx(heard.resolve);
  const scheduler = await engine.startScheduler();
  onTestFinished(() => scheduler.stop());
  await heard.promise;
}, 60_000);

test("a relay that knows RabbitMQ's HTTP API says so when it starts", async () => {
  await police("\\.dead-letters$", { expires: 3_600_000 });
  const looking = watch();
  await eventually("RabbitMQ to show it", async () => {
    await looking.look();
    return (await repairs()).length > 0;
  });
  const complaint = said(/policies of RabbitMQ let messages of Duly's queues vanish/);
  const relay = await engine.startRelay({ RABBITMQ_URL: inject("rabbitmqUrl") });
  onTestFinished(() => relay.stop());
  await expect(complaint).resolves.toBeUndefined();
  const name = encodeURIComponent("no such user");
  const wrong = new URL(inject("rabbitmqUrl"));
  wrong.username = name;
  wrong.password = name;
  const trouble = said(/policies could not be looked at/);
  const other = await engine.startRelay({ RABBITMQ_URL: wrong.href });
  onTestFinished(() => other.stop());
  await trouble;
}, 60_000);

test("an event that expires in its subscribers' queues is told again, in one row, until somebody hears it", async () => {
  const { db, broker } = engine;
  const lift = await police("\\.events$", { "message-ttl": 50 });
  const recorder = await engine.startRecorder();
  const event = await db.transaction().execute((trx) => emit(trx, Fact, {}));
  const again = async () => {
    const found = await sql<{ waits: boolean }>`
      select not_before > duly.now() as waits from duly.outbox where ref = ${event} and not_before is not null
    `.execute(db);
    return found.rows;
  };
  await eventually("it to be told later", async () => (await again()).length > 0);
  const places = ["lynx.events", "puma.events", "duly.rejected"];
  await eventually("both queues to have given it up", async () => {
    return (await Promise.all(places.map((queue) => broker.count(queue)))).every((count) => count === 0);
  });
  await recorder.stop();
  expect(await again()).toEqual([{ waits: true }]);
  expect((await sql`select from duly.dead_letters`.execute(db)).rows).toEqual([]);

  await lift();
  const heard = Promise.withResolvers<void>();
  await startLynx(heard.resolve);
  await sql`update duly.outbox set not_before = duly.now() where ref = ${event}`.execute(db);
  await heard.promise;
}, 60_000);

test("foreign bytes that expire under a policy over everything have their letter, as long as dead-letters runs", async () => {
  const { db, broker } = engine;
  await police(".*", { "message-ttl": 50 });
  const recorder = await engine.startRecorder();
  onTestFinished(() => recorder.stop());
  await broker.put("owl.low", Buffer.from("whatever it is"));
  const letter = await eventually("the letter", async () => {
    const letters = await sql<{ body: Buffer; reason: string; error: { message: string } }>`
      select body, reason, error from duly.dead_letters
    `.execute(db);
    return letters.rows[0];
  });
  expect(letter).toMatchObject({
    body: Buffer.from("whatever it is"),
    reason: "rejected_by_broker",
    error: { message: expect.stringMatching(/owl\.low gave it up: it expired, so a policy/) as string },
  });
});

/** Enqueues one job after the other, until it is so: RabbitMQ heeds a policy some moments after it has taken it. */
async function enqueueUntil(what: string, isSo: () => Promise<boolean>): Promise<string[]> {
  const ids: string[] = [];
  await eventually(what, async () => {
    ids.push(await enqueue(engine.db, Plain, {}));
    return isSo();
  });
  return ids;
}

test("a policy that bounds the length of every queue takes nothing: what finds no room waits in the outbox", async () => {
  const { db } = engine;
  await police(".*", { "max-length": 1 });
  const ids = await enqueueUntil("some to be refused", async () => {
    const refused = await sql`select from duly.outbox where lane = 'low' and returns > 0`.execute(db);
    return refused.rows.length > 0;
  });
  const owl = await engine.consume("owl", [handle(Plain, { record: async () => undefined })]);
  onTestFinished(() => owl.stop());
  const done = async () => {
    await sql`update duly.outbox set not_before = null where lane = 'low'`.execute(db);
    const completed = await sql`
      select from duly.jobs where id = any(${ids}::uuid[]) and state = 'completed'`.execute(db);
    return completed.rows.length;
  };
  await expect.poll(done, { timeout: 15_000 }).toBe(ids.length);
});

test("a policy's own overflow goes before our argument: what it drops from a work queue becomes a letter that says so", async () => {
  const { db } = engine;
  await police("^owl\\.low$", { "max-length": 1, overflow: "drop-head" });
  const recorder = await engine.startRecorder();
  onTestFinished(() => recorder.stop());
  const letters = () => sql<{ error: { message: string } }>`select error from duly.dead_letters`.execute(db);
  await enqueueUntil("one to be dropped", async () => (await letters()).rows.length > 0);
  expect((await letters()).rows[0]?.error.message).toMatch(/owl\.low gave it up: there was no room.*policy/);
  await engine.broker.takeAll("owl.low");
});
