import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle, RetryableError } from "#shared/index.ts";
import { type Engine, type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire, type TcpProxy } from "../../support/tcp-proxy.ts";
import { add, declareQueueOf, effectsOf, Gate, intentsOf } from "./road.ts";

const engine: Engine = useEngine();
const payload = z.object({ place: z.number() });
const critical = (type: string) =>
  defineJob(type, { payload, priority: "critical", attempts: 3, backoff: [1_000] });
let wire: TcpProxy;
let relay: Running;

beforeAll(async () => {
  await sql`create table effects (job uuid not null, note text, number bigserial)`.execute(engine.db);
  wire = await layWire(engine.broker.url);
  relay = await engine.startRelay({ RELAY_CONFIRM_MS: "1000" });
  await engine.startScheduler();
  return () => wire.close();
});

function loseBroker(): void {
  wire.refuse(true);
  wire.cut();
}

const parts = (performed: string[], gates: ReadonlyMap<number, Gate> = new Map()) => {
  const Perform = critical("straight.perform");
  const Record = critical("straight.record");
  const note = (job: string) => sql`insert into effects (job, note) values (${job}, 'done')`;
  let failures = 0;
  return {
    Perform,
    Record,
    handlers: [
      handle(Perform, {
        effects: "atLeastOnce",
        perform: async ({ job, payload: { place } }) => {
          performed.push(job.id);
          await gates.get(place)?.pass();
          if (place === -1 && failures++ === 0) throw new RetryableError("busy", "try again");
        },
        record: (trx, _, { job }) => note(job.id).execute(trx),
      }),
      handle(Record, { record: (trx, _, { job }) => note(job.id).execute(trx) }),
    ],
  };
};

test("while RabbitMQ is away critical jobs flow from the outbox, within about a second, and their backoffs wait in PostgreSQL", async () => {
  const performed: string[] = [];
  const { Perform, Record, handlers } = parts(performed);
  await declareQueueOf(engine, "straight", Perform);
  const consumer = await engine.consume("straight", handlers, {}, { AMQP_URL: wire.url });
  await relay.stop(); // as if its connection were away, too
  loseBroker();
  const began = Date.now();
  const jobs = [await add(engine, Perform, { place: 0 }), await add(engine, Record, { place: 0 })];
  const invalid = await add(engine, Record, { place: 1 });
  await sql`update duly.jobs set payload = '{"place":"none"}' where id = ${invalid}`.execute(engine.db);
  for (const id of jobs) {
    expect(await engine.reaches(id, "completed")).toMatchObject({ send: 1, attempt: 1 });
    expect(await effectsOf(engine, id)).toEqual(["done"]);
  }
  expect(Date.now() - began).toBeLessThan(5_000);
  await engine.reaches(invalid, "dead_lettered");

  const failing = await add(engine, Perform, { place: -1 });
  const waiting = await engine.reaches(failing, "retrying");
  expect(waiting.wake_at).not.toBeNull(); // not in a wait queue, where nobody would get it
  expect(await engine.reaches(failing, "completed")).toMatchObject({ attempt: 2 });

  // One that failed before the outage: its send to the wait queue is still in the outbox.
  const retried = await engine.db.transaction().execute(async (trx) => {
    const [id] = await enqueueMany(trx, Perform, [{ payload: { place: 2 } }]);
    await sql`update duly.jobs set state = 'retrying', attempt = 1, retry_at = duly.now() + interval '1 s' where id = ${id}`.execute(
      trx,
    );
    await sql`update duly.outbox set delay_ms = 1000 where ref = ${id}`.execute(trx);
    return id ?? "";
  });
  const done = await engine.reaches(retried, "completed");
  const early = await sql<{ early: boolean }>`
    select finished_at < retry_at as early from duly.jobs where id = ${retried}`.execute(engine.db);
  expect(done).toMatchObject({ attempt: 2, send: 1 });
  expect(early.rows[0]?.early ?? false).toBe(false);

  const left = await sql`select from duly.outbox where lane = 'critical' and ref <> ${invalid}`.execute(
    engine.db,
  );
  expect(left.rows).toEqual([]);
  wire.refuse(false);
  await consumer.stop();
  relay = await engine.startRelay({ RELAY_CONFIRM_MS: "1000" });
});

test("nothing has two effects when the outbox and the broker both hand out critical jobs, and when the broker comes back", async () => {
  const performed: string[] = [];
  const { Perform, Record, handlers } = parts(performed);
  const consumers = [
    await engine.consume("straight", handlers, {}, { AMQP_URL: wire.url }),
    await engine.consume("straight", handlers, {}, { AMQP_URL: wire.url }),
  ];
  await relay.stop();
  loseBroker();
  const ids = [await add(engine, Perform, { place: 3 })];
  await eventually("it to be done straight", () => Promise.resolve(performed.length > 0));
  // The relay's own connection stands: each row goes to whoever takes it first.
  relay = await engine.startRelay();
  for (let round = 0; round < 20; round += 1) {
    const items = Array.from({ length: 5 }, () => ({ payload: { place: 3 } }));
    ids.push(
      ...(await engine.db
        .transaction()
        .execute(async (trx) => [
          ...(await enqueueMany(trx, Perform, items)),
          ...(await enqueueMany(trx, Record, items)),
        ])),
    );
  }
  wire.refuse(false);
  await eventually("all to be completed", async () => {
    const left =
      await sql`select from duly.jobs where id = any(${ids}::uuid[]) and state <> 'completed'`.execute(
        engine.db,
      );
    return left.rows.length === 0;
  });
  const counted = await sql`
    select count(*)::int as effects, count(distinct job)::int as jobs from effects where job = any(${ids}::uuid[])`.execute(
    engine.db,
  );
  expect(counted.rows).toEqual([{ effects: ids.length, jobs: ids.length }]);
  expect(performed.length).toBe(new Set(performed).size);
  for (const consumer of consumers) await consumer.stop();
});

test("while a relay cannot publish, an alarm or a dead link, consumers that have RabbitMQ take critical jobs from the outbox", async () => {
  const performed: string[] = [];
  const { Perform, Record, handlers } = parts(performed);
  const consumer = await engine.consume("straight", handlers);
  await relay.stop();
  relay = await engine.startRelay({ AMQP_URL: wire.url, RELAY_CONFIRM_MS: "4000" });
  const doBoth = async () => {
    const ids = [await add(engine, Perform, { place: 5 }), await add(engine, Record, { place: 5 })];
    for (const id of ids)
      expect(await engine.reaches(id, "completed")).toMatchObject({ send: 1, attempt: 1 });
    return ids;
  };
  const ids = await doBoth();
  wire.hold(true); // the broker reads no more from whoever publishes,
  const before = performed.length;
  await add(engine, Perform, { place: 5 });
  wire.alarm(true); // and says so
  await eventually("it to be done straight", () => Promise.resolve(performed.length > before));
  // For as long as it lasts.
  for (let round = 0; round < 3; round += 1) ids.push(...(await doBoth()));
  wire.hold(false);
  wire.alarm(false);
  ids.push(...(await doBoth()));

  wire.swallow(); // all that the relay says is lost from now on
  wire.refuse(true);
  ids.push(...(await doBoth()));
  wire.refuse(false);
  const counted = await sql`
    select count(*)::int as effects, count(distinct job)::int as jobs from effects where job = any(${ids}::uuid[])`.execute(
    engine.db,
  );
  expect(counted.rows).toEqual([{ effects: ids.length, jobs: ids.length }]);
  expect(performed.length).toBe(new Set(performed).size);
  await consumer.stop();
  await relay.stop();
  relay = await engine.startRelay({ RELAY_CONFIRM_MS: "1000" });
});

test("a drain gives a job that came straight from the outbox back to the outbox", async () => {
  const gates = new Map([[4, new Gate()]]);
  const { Perform, handlers } = parts([], gates);
  const consumer = await engine.consume("straight", handlers, {}, { AMQP_URL: wire.url });
  await relay.stop();
  loseBroker();
  const id = await add(engine, Perform, { place: 4 });
  await gates.get(4)?.reached;
  await consumer.stop(0);
  expect(await engine.reaches(id, "queued")).toMatchObject({ send: 2, attempt: 0 });
  expect(await intentsOf(engine, id)).toEqual(["1 unknown"]);
  wire.refuse(false);
  gates.get(4)?.open();
  relay = await engine.startRelay();
  const next = await engine.consume("straight", handlers);
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  await next.stop();
});
