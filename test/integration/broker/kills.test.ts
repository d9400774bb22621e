import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { sql } from "kysely";
import { afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { killAll, type RunningProcess, startProcess, startService } from "../../support/service-process.ts";
import { layWire, type TcpProxy } from "../../support/tcp-proxy.ts";

const engine = useEngine();
const Work = defineJob("doomed.work", {
  payload: z.object({ lock: z.number().optional(), fails: z.number().default(0) }),
  priority: "high",
  attempts: 3,
  backoff: [1_000],
});
const QUEUE = "doomed.high";

beforeAll(async () => {
  await sql`create table effects (job uuid not null)`.execute(engine.db);
  await sql`create table ran (job uuid not null, attempt integer not null)`.execute(engine.db);
  await register(engine.db, "doomed", [Work], []);
  await (await engine.startRelay()).stop();
});
afterEach(killAll);

/** The service of these jobs as a process of its own, on its way to the broker over a wire that can be cut. */
async function startDoomed(amqpUrl: string): Promise<RunningProcess> {
  const env = { DATABASE_URL: engine.url, AMQP_URL: amqpUrl, LOG_LEVEL: "warn", STOP_GRACE_MS: "5000" };
  const service = startProcess({ file: "test/integration/broker/doomed-service.ts", env });
  await service.says('"msg":"ready"');
  return service;
}

async function wireToBroker(): Promise<TcpProxy> {
  const wire = await layWire(engine.broker.url);
  onTestFinished(() => wire.close());
  return wire;
}

/** Holds an advisory lock until it is told to let go, so that others wait at it. */
async function holdLock(key: number): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<void>();
  const holding = engine.db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${key})`.execute(trx);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  return async () => {
    letGo.resolve();
    await holding;
  };
}

async function waitsAt(key: number): Promise<void> {
  await eventually(`somebody to wait at lock ${key}`, async () => {
    const rows =
      await sql`select from pg_locks where locktype = 'advisory' and objid = ${key} and not granted`.execute(
        engine.db,
      );
    return rows.rows.length > 0;
  });
}

/** Waits until a service has taken all there is, and ends it: what it had not acked would be there again. */
async function emptied(service: RunningProcess): Promise<void> {
  await eventually("all to be taken", async () => (await engine.broker.count(QUEUE)) === 0);
  service.signal("SIGTERM");
  await service.ended;
  expect(await engine.broker.count(QUEUE)).toBe(0);
}

async function traces(id: string) {
  const ran = await sql<{ attempt: number }>`select attempt from ran where job = ${id} order by 1`.execute(
    engine.db,
  );
  const effects = await sql`select from effects where job = ${id}`.execute(engine.db);
  return { ran: ran.rows.map(({ attempt }) => attempt), effects: effects.rows.length };
}

test("a relay killed between the confirm and the delete sends twice, to one effect", async () => {
  const { db, broker } = engine;
  await sql`
    create function stand_still() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(7); return old; end $$`.execute(db);
  await sql`create trigger stand_still before delete on duly.outbox for each row execute function stand_still()`.execute(
    db,
  );
  const letGo = await holdLock(7);
  const relay = await startService("relay", { DATABASE_URL: engine.url, AMQP_URL: broker.url });
  const id = await enqueue(db, Work, { fails: 0 });
  await waitsAt(7); // it was confirmed, and is about to be deleted
  expect(await broker.count(QUEUE)).toBe(1);
  await relay.kill();
  await letGo();
  await sql`drop function stand_still cascade`.execute(db);
  const next = await engine.startRelay();
  await eventually("the second message of the same send", async () => (await broker.count(QUEUE)) === 2);
  const service = await startDoomed(broker.url);
  await engine.reaches(id, "completed");
  await emptied(service);
  expect(await traces(id)).toEqual({ ran: [1], effects: 1 });
  await next.stop();
});

test.each([
  ["its effect's commit", 8, 0, "completed"],
  ["a retry's commit", 9, 1, "retrying"],
] as const)(
  "a consumer killed between %s and the ack makes no second one of it",
  async (_, lock, fails, state) => {
    const { db, broker } = engine;
    const relay = await engine.startRelay();
    const wire = await wireToBroker();
    const first = await startDoomed(wire.url);
    const letGo = await holdLock(lock);
    const id = await enqueue(db, Work, { lock, fails });
    await waitsAt(lock);
    wire.swallow(); // what it says to the broker from now on, the ack above all, arrives nowhere
    await letGo();
    await engine.reaches(id, state, "completed");
    await first.kill();
    wire.cut();
    await eventually("the delivery to be back", async () => (await broker.count(QUEUE)) >= 1);
    const second = await startDoomed(broker.url);
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: fails + 1 });
    await emptied(second);
    expect(await traces(id)).toEqual({ ran: fails === 0 ? [1] : [1, 2], effects: 1 });
    await relay.stop();
  },
);

test("a service that is stopped under load leaves in the queue what it has not finished, and nothing else", async () => {
  const { db, broker } = engine;
  const relay = await engine.startRelay();
  const items = Array.from({ length: 400 }, () => ({ payload: { fails: 0 } }));
  const ids = await enqueueMany(db, Work, items);
  await eventually("all in the queue", async () => (await broker.count(QUEUE)) === ids.length);
  const service = await startDoomed(broker.url);
  const completed = async () => {
    const rows = await sql<{ id: string }>`
      select id from duly.jobs where id = any(${ids}::uuid[]) and state = 'completed'`.execute(db);
    return new Set(rows.rows.map((row) => row.id));
  };
  await eventually("some to be done", async () => (await completed()).size > 20);
  const from = Date.now();
  service.signal("SIGTERM");
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(Date.now() - from).toBeLessThan(5_000);
  const done = await completed();
  expect(done.size).toBeLessThan(ids.length);
  const left = await eventually("the rest to be back", async () => {
    return (await broker.count(QUEUE)) === ids.length - done.size && broker.takeAll(QUEUE);
  });
  expect(left.filter(({ properties }) => done.has(String(properties.messageId)))).toEqual([]);
  await relay.stop();
});

test("a relay that carries megabytes to a broker that confirms nothing stays small", async () => {
  const { db, broker } = engine;
  const wire = await wireToBroker();
  const relay = await startService("relay", { DATABASE_URL: engine.url, AMQP_URL: wire.url });
  await enqueue(db, Work, { fails: 0 });
  await eventually("its channel to be open", async () => (await broker.count(QUEUE)) === 1);
  wire.silence(true);
  await db.transaction().execute(async (trx) => {
    const ids = await enqueueMany(
      trx,
      Work,
      Array.from({ length: 60 }, () => ({ payload: { fails: 0 } })),
    );
    await sql`
      update duly.jobs set payload = jsonb_build_object('text', repeat('x', 1024 * 1024))
      where id = any(${ids}::uuid[])`.execute(trx);
  });
  await eventually("it to publish", async () => (await broker.count(QUEUE)) >= 10);
  await eventually("it to wait for the confirms", async () => {
    const before = await broker.count(QUEUE);
    await delay(300);
    return (await broker.count(QUEUE)) === before;
  });
  expect(await broker.count(QUEUE)).toBeLessThan(20); // one batch: 16 MiB
  expect(await memoryOf(relay.pid)).toBeLessThan(250);
});

/** Megabytes of memory that a process has. */
async function memoryOf(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout) / 1024;
}
