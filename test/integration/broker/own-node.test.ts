import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany, handle, RetryableError } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { useOwnBroker } from "../../support/own-broker.ts";
import { killAll, startProcess } from "../../support/service-process.ts";
import { said } from "../../support/watched-log.ts";

const TIMEOUT_MS = 3_000;
const node = useOwnBroker({
  conf: `heartbeat = 2\nconsumer_timeout = ${TIMEOUT_MS}\n`,
  // How often a channel looks for unacked deliveries, and when a dead letter that was not confirmed goes out again:
  // a minute and three, unless set.
  advanced:
    "[{rabbit, [{channel_tick_interval, 500}, {dead_letter_worker_publisher_confirm_timeout, 2000}]}].\n",
});
const engine = useEngine(node.address);
const payload = z.object({});
const job = (type: string, attempts = 1) =>
  defineJob(type, { payload, priority: "high", attempts, backoff: [1_000] });

beforeAll(async () => {
  await sql`create table effects (job uuid not null)`.execute(engine.db);
  await sql`create table ran (job uuid not null, attempt integer not null)`.execute(engine.db);
  await engine.startRelay({ RELAY_CONFIRM_MS: "1000" });
});
afterAll(killAll);

async function count(query: ReturnType<typeof sql<{ n: number }>>): Promise<number> {
  return (await query.execute(engine.db)).rows[0]?.n ?? 0;
}

const outbox = () => count(sql`select count(*)::int as n from duly.outbox`);

test.concurrent("a delivery that is held longer than RabbitMQ allows comes again, and is not run beside itself", async () => {
  const Long = job("tired.work");
  const Beside = job("tired.beside");
  const finish = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const perform = async () => {
    running += 1;
    most = Math.max(most, running);
    await finish.promise;
    running -= 1;
  };
  await engine.consume(
    "tired",
    [
      handle(Long, { effects: "atLeastOnce", perform }),
      handle(Beside, { effects: "keyed", perform: async () => 1 }),
    ],
    { high: 2 },
  );
  const given = said(/^the channel of a queue closed/);
  const id = await enqueue(engine.db, Long, {});
  await engine.reaches(id, "running");
  await given; // the broker closes the channel, or cancels the consumer
  const beside = await enqueue(engine.db, Beside, {});
  await engine.reaches(beside, "completed"); // somebody consumes again
  finish.resolve();
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, claim: 1 });
  expect(most).toBe(1);
  await eventually("all to be acked", async () => (await engine.broker.count("tired.high")) === 0);
});

test.concurrent("retries whose queue was away go on once it is back, all of them", async () => {
  const Away = job("away.work", 2);
  await register(engine.db, "away", [Away], []);
  const items = Array.from({ length: 40 }, () => ({ payload: {} }));
  const ids = await enqueueMany(engine.db, Away, items);
  await eventually(
    "all in the queue",
    async () => (await engine.broker.count("away.high").catch(() => 0)) === 40,
  );
  await engine.broker.unbind("away.high", "duly.jobs", "away.high.#");
  const handler = handle(Away, {
    effects: "keyed",
    perform: async ({ job: { attempt } }) => {
      if (attempt === 1) throw new RetryableError("busy", "not now", { effect: "none" });
    },
  });
  await engine.consume("away", [handler]);
  for (const id of ids) await engine.reaches(id, "retrying");
  // Their time is over, and there is no way back.
  await eventually("their backoff to be over for a while", async () => {
    const over = await sql<{ all: boolean }>`
      select every(retry_at + interval '500 ms' < duly.now()) as all from duly.jobs where id = any(${ids}::uuid[])`.execute(
      engine.db,
    );
    return over.rows[0]?.all === true;
  });
  await engine.broker.bind("away.high", "duly.jobs", "away.high.#");
  for (const id of ids) expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
});

test.concurrent("a process that stands still for longer than its heartbeats loses its connection and nothing else", async () => {
  const Doomed = defineJob("doomed.work", { payload: z.looseObject({}), priority: "high", attempts: 3 });
  const env = { DATABASE_URL: engine.url, AMQP_URL: engine.broker.url, LOG_LEVEL: "warn" };
  const service = startProcess({ file: "test/integration/broker/doomed-service.ts", env });
  await service.says('"msg":"ready"');
  const id = await enqueue(engine.db, Doomed, { stallMs: 5_000 });
  await engine.reaches(id, "completed");
  await service.says("RabbitMQ ended the connection");
  const after = await enqueue(engine.db, Doomed, {});
  await engine.reaches(after, "completed");
  const ran = await sql`select job from ran where job = any(${[id, after]}::uuid[])`.execute(engine.db);
  expect(ran.rows).toHaveLength(2);
  await eventually("all to be acked", async () => (await engine.broker.count("doomed.high")) === 0);
  await service.kill();
});

test("a memory alarm stops the relay and no consumer; afterwards everything goes on", async () => {
  const { db, broker } = engine;
  const Work = job("alarm.work");
  await register(db, "alarm", [Work], []);
  const items = Array.from({ length: 20 }, () => ({ payload: {} }));
  const before = await enqueueMany(db, Work, items);
  await eventually("all in the queue", async () => (await broker.count("alarm.high").catch(() => 0)) === 20);
  await node.control("set_vm_memory_high_watermark", "0.0001");
  const during = await enqueueMany(db, Work, items);
  await engine.consume("alarm", [handle(Work, { effects: "keyed", perform: async () => undefined })]);
  for (const id of before) await engine.reaches(id, "completed");
  await eventually("all to be acked", async () => (await broker.count("alarm.high")) === 0);
  expect(await outbox()).toBe(20);

  // A relay that is told to stop now does not wait for the broker.
  const second = await Promise.race([engine.startRelay(), delay(1_000, undefined)]);
  const from = Date.now();
  await second?.stop();
  expect(Date.now() - from).toBeLessThan(5_000);

  await node.control("set_vm_memory_high_watermark", "0.4");
  for (const id of during) expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
});

test("a broker that stands still has nothing taken for sent that it did not confirm", async () => {
  const { db, broker } = engine;
  const Work = job("still.work");
  await register(db, "still", [Work], []);
  await eventually("its queue", async () => (await broker.count("still.high").catch(() => -1)) === 0);
  const gaveUp = said(/^the broker did not confirm/);
  const ended = said(/^the work on this connection to RabbitMQ ended/);
  node.signal("SIGSTOP");
  const items = Array.from({ length: 50 }, () => ({ payload: {} }));
  const ids = await enqueueMany(db, Work, items);
  await gaveUp;
  await ended;
  await said(/^the work on this connection to RabbitMQ ended/); // the next one, which came about in vain
  expect(await outbox()).toBe(50);
  node.signal("SIGCONT");
  await engine.consume("still", [handle(Work, { effects: "keyed", perform: async () => undefined })]);
  for (const id of ids) expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
});

test("a broker killed with ten thousand jobs in flight loses none when it starts again, and none runs twice", async () => {
  const { db, broker } = engine;
  const Work = job("flight.work");
  const JOBS = 10_000;
  const consumer = await engine.consume("flight", [
    handle(Work, {
      recordAll: async (trx, group) =>
        sql`insert into effects (job) select unnest(${group.map((item) => item.job.id)}::uuid[])`.execute(
          trx,
        ),
    }),
  ]);
  await enqueueMany(
    db,
    Work,
    Array.from({ length: JOBS }, () => ({ payload: {} })),
  );
  const completed = () =>
    count(sql`select count(*)::int as n from duly.jobs where type = ${Work.type} and state = 'completed'`);
  await eventually("a part to be done", async () => (await completed()) > 500);
  await node.kill();
  const done = await completed();
  expect(done).toBeLessThan(JOBS);
  await node.start();
  await eventually("all to be done", async () => (await completed()) === JOBS, 60_000);
  await eventually("all to be taken", async () => (await broker.count("flight.high")) === 0);
  await consumer.stop();
  expect(await broker.count("flight.high")).toBe(0); // what it had not acked would be there again
  const effects = await sql`
    select count(*)::int as all, count(distinct job)::int as jobs from effects
    where job in (select id from duly.jobs where type = ${Work.type})`.execute(db);
  expect(effects.rows).toEqual([{ all: JOBS, jobs: JOBS }]);
}, 90_000);

test("dead letters of every kind leave their queue at least once, and none otherwise", async () => {
  const { broker } = engine;
  const Last = job("last.work", 2);
  const Alone = job("alone.work");
  await register(engine.db, "alone", [Alone], []);
  const handler = handle(Last, {
    effects: "keyed",
    perform: async ({ job: { attempt } }) => {
      if (attempt === 1) throw new RetryableError("busy", "not now", { effect: "none" });
    },
  });
  await engine.consume("last", [handler]);
  await engine.reaches(await enqueue(engine.db, Last, {}), "completed"); // expired
  await broker.put("alone.high", Buffer.from("{}"));
  await broker.rejectAll("alone.high"); // rejected
  await broker.put("alone.high", Buffer.from("{}"));
  await eventually("the message to be given up", async () => {
    await broker.handBack("alone.high");
    return (await broker.count("duly.rejected")) === 2; // delivery_limit
  });
  const name = (why: string) =>
    `rabbitmq_global_messages_dead_lettered_${why}_total{queue_type="rabbit_quorum_queue",dead_letter_strategy="at_least_once"}`;
  const counted = async () => {
    const metrics = await node.metrics();
    return ["expired", "rejected", "delivery_limit"].map((why) => metrics.get(name(why)));
  };
  await expect.poll(counted, { timeout: 15_000 }).toEqual([1, 1, 1]);
  const otherwise = [...(await node.metrics())].filter(
    ([line, value]) =>
      /dead_lettered_.*dead_letter_strategy="(at_most_once|disabled)"/.test(line) && value > 0,
  );
  expect(otherwise).toEqual([]);
});
