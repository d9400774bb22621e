import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire, type TcpProxy } from "../../support/tcp-proxy.ts";
import { management } from "../../support/virtual-host.ts";
import { freeRows } from "./free-rows.ts";
import { type Listener, listenTo } from "./listener.ts";

const engine = useEngine();
const Plain = defineJob("test.plain", { payload: z.object({}), priorities: ["medium"] });
let wire: TcpProxy;
let listener: Listener;
const started: Running[] = [];

beforeAll(async () => {
  await register(engine.db, "plain", [Plain], []);
  await (await engine.startRelay()).stop();
});
beforeEach(async () => {
  wire = await layWire(engine.broker.url);
  await management("DELETE", `/api/queues/${engine.broker.name}/plain.medium/contents`);
  listener = await listenTo(engine.broker.url, "plain.medium");
});
afterEach(async () => {
  await Promise.all([...started.splice(0), listener].map((part) => part.stop()));
  await wire.close();
});

async function startRelay(settings: Record<string, string> = {}): Promise<void> {
  started.push(await engine.startRelay({ AMQP_URL: wire.url, ...settings }));
}

async function backlog(count: number): Promise<string[]> {
  return enqueueMany(
    engine.db,
    Plain,
    Array.from({ length: count }, () => ({ payload: {} })),
  );
}

async function expectAllArrive(ids: readonly string[]): Promise<void> {
  await eventually("everything to arrive", async () => {
    const arrived = new Set(listener.heard.map(({ id }) => id));
    return ids.every((id) => arrived.has(id));
  });
  await eventually("the outbox to be empty", async () => (await waiting()) === 0);
}

async function waiting(): Promise<number> {
  const rows = await sql<{ n: number }>`select count(*)::int as n from duly.outbox`.execute(engine.db);
  return rows.rows[0]!.n;
}

test("connections that are cut in mid-stream lose nothing", async () => {
  const ids = await backlog(3_000);
  await startRelay({ RELAY_WINDOW: "50" });
  for (const reached of [200, 800, 1_600]) {
    await listener.until(reached);
    await eventually("a connection to cut", async () => wire.cut() > 0);
  }
  await expectAllArrive(ids);
  expect(await waiting()).toBe(0);
});

test("database connections that are cut in mid-stream lose nothing", async () => {
  const ids = await backlog(2_000);
  await startRelay({ RELAY_WINDOW: "50" });
  for (const reached of [200, 800]) {
    await listener.until(reached);
    await eventually("database connections to cut", async () => {
      const cut = await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name in ('duly relay', 'duly relay listen')
      `.execute(engine.db);
      return cut.rows.length > 1;
    });
  }
  await expectAllArrive(ids);
});

test("a job that is committed while no relay runs arrives when there is one", async () => {
  const id = await enqueue(engine.db, Plain, {});
  await startRelay();
  await expectAllArrive([id]);
  expect(listener.heard.map((heard) => heard.id)).toEqual([id]);
});

test("a job that is committed while the broker is away arrives when it is back, once", async () => {
  await startRelay();
  wire.refuse(true);
  expect(wire.cut()).toBe(2);
  const id = await enqueue(engine.db, Plain, {});
  const job = await engine.reaches(id, "queued");
  expect([job.send, await waiting()]).toEqual([1, 1]);
  wire.refuse(false);
  await expectAllArrive([id]);
  expect(listener.heard.map((heard) => heard.id)).toEqual([id]);
});

test("what the broker does not confirm in time stays in the outbox and goes out again", async () => {
  await startRelay({ RELAY_CONFIRM_MS: "300" });
  await expectAllArrive(await backlog(1));
  wire.silence(true);
  const ids = await backlog(20);
  // They arrive, but the relay cannot know it.
  await listener.until(21);
  expect(await waiting()).toBe(20);
  wire.silence(false);
  await expectAllArrive(ids);
});

test("what was lost on its way to the broker stays in the outbox and goes out on the next connection", async () => {
  await startRelay({ RELAY_CONFIRM_MS: "1000" });
  await expectAllArrive(await backlog(1));
  wire.swallow();
  wire.refuse(true); // no next connection before all is seen
  const ids = await backlog(20);
  // Taken by the relay, then let go again without a confirm.
  await eventually("the relay to hold them", async () => (await freeRows(engine.db)) < 20);
  await eventually("the relay to let them go", async () => (await freeRows(engine.db)) === (await waiting()));
  expect(await waiting()).toBe(20);
  wire.refuse(false);
  wire.cut();
  await expectAllArrive(ids);
});

test("a broker that takes the connection and never answers does not keep the relay from the next one", async () => {
  wire.silence(true);
  const starting = engine.startRelay({ AMQP_URL: wire.url });
  const id = await enqueue(engine.db, Plain, {});
  wire.cut();
  wire.silence(false);
  started.push(await starting);
  await expectAllArrive([id]);
});

test("a relay that is stopped in mid-stream ends, and the next one sends what is left", async () => {
  const ids = await backlog(2_000);
  await startRelay({ RELAY_WINDOW: "20" });
  await listener.until(100);
  await Promise.all(started.splice(0).map((part) => part.stop()));
  const left = await waiting();
  expect(left).toBeGreaterThan(0);
  await startRelay();
  await expectAllArrive(ids);
  // A graceful stop repeats nothing.
  expect(listener.heard).toHaveLength(ids.length);
});
