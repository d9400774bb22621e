import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobState } from "#shared/contracts/job-state.ts";
import { openDatabase } from "#shared/database/database.ts";
import { pauseGate } from "#shared/gates/pause-gate.ts";
import { createLogger } from "#shared/log/logger.ts";
import { gateName } from "#shared/resilience/gate-name.ts";
import { Sweep } from "../../../services/scheduler/sweep.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { killAll, startProcess, startService } from "../../support/service-process.ts";
import { add } from "../consuming/road.ts";
import { finishing, Keyed, Mail, Patient, Paused } from "./parked-jobs.ts";

/**
 * One job in every state, and then nobody: relay, scheduler and consumer are killed at once. Two hours later, as the
 * database's clock says, others take their places, and every job leaves its state.
 */

const engine = useEngine();
const AN_HOUR_MS = 3_600_000;
const parked: Record<string, { id: string; state: JobState }> = {};

beforeAll(async () => {
  const env = { DATABASE_URL: engine.url, AMQP_URL: engine.broker.url };
  const relay = await startService("relay", env);
  const scheduler = await startService("scheduler", env);
  const consumer = startProcess({
    file: "test/integration/moves/parking-service.ts",
    env: { ...env, PRIORITIES: "critical,high,medium,low", WORKERS_LOW: "1" },
  });
  await consumer.says('"msg":"ready"');
  await park("blocked", "blocked", async () => {
    await runs(await add(engine, Keyed, { first: "hangs" }, { orderingKey: "line" }));
    return add(engine, Keyed, { first: "hangs" }, { orderingKey: "line" });
  });
  await engine.reaches(parked["blocked"]!.id, "blocked");
  await park("scheduled", "scheduled", () => add(engine, Keyed, { first: "hangs" }, { runAt: inAnHour() }));
  await scheduler.kill();

  await park("running, with a key", "running", () =>
    add(engine, Keyed, { first: "hangs" }, { priority: "high" }),
  );
  await park("running, without a key", "running", () => add(engine, Mail, { first: "hangs" }));
  await park("held", "held", () => add(engine, Keyed, { first: "reachesNobody" }, { priority: "high" }));
  await park("retrying, in the table", "retrying", () =>
    add(engine, Keyed, { first: "failsForLong" }, { priority: "high" }),
  );
  await park("dead-lettered", "dead_lettered", () =>
    add(engine, Keyed, { first: "refuses" }, { priority: "high" }),
  );
  await pauseGate(engine.db, { gate: gateName.type(Paused.type), reason: undefined, until: inAnHour() });
  await park("held at a gate", "held", () => add(engine, Paused, { first: "hangs" }));
  await park("retrying, its message lost", "retrying", () => add(engine, Patient, { first: "fails" }));
  await loses("parked.medium.retry.64s");
  await park("queued, its message lost", "queued", () =>
    add(engine, Keyed, { first: "hangs" }, { priority: "batch" }),
  );
  await loses("parked.batch");
  await runs(await add(engine, Keyed, { first: "hangs" }, { priority: "low" }));
  await park("queued, in the hands of a consumer", "queued", () =>
    add(engine, Keyed, { first: "hangs" }, { priority: "low" }),
  );
  await eventually("its consumer to have it", async () => (await engine.broker.count("parked.low")) === 0);
  await park("retrying, in RabbitMQ", "retrying", () =>
    add(engine, Keyed, { first: "fails" }, { priority: "high" }),
  );
  await Promise.all([relay.kill(), consumer.kill()]);
  await park("queued, in the outbox", "queued", () =>
    add(engine, Keyed, { first: "hangs" }, { priority: "high" }),
  );
}, 60_000);

afterAll(killAll);

/** Nobody is left, and every job is where it was. */
async function expectParked(): Promise<void> {
  const states = await sql<{ id: string; state: JobState }>`select id, state from duly.jobs`.execute(
    engine.db,
  );
  const byId = new Map(states.rows.map(({ id, state }) => [id, state]));
  const seen = Object.entries(parked).map(([name, { id }]) => [name, byId.get(id)]);
  expect(seen).toEqual(Object.entries(parked).map(([name, { state }]) => [name, state]));
  expect(new Set(byId.values())).toEqual(
    new Set(["scheduled", "blocked", "queued", "running", "retrying", "held", "dead_lettered"]),
  );
}

test("nobody is left, others come, and every job leaves its state and is done", async () => {
  await expectParked();
  const name = new URL(engine.url).pathname.slice(1);
  await sql`alter database ${sql.id(name)} set duly.clock_offset = '2 hours'`.execute(engine.db);
  await engine.startRelay();
  await engine.startScheduler();
  await engine.consume("parked", finishing);
  await replayByHand();
  const left = Object.entries(parked).map(async ([what, { id }]) => [
    what,
    (await engine.reaches(id, "completed")).state,
  ]);
  await sweeping(Promise.all(left));
  expect(await Promise.all(left)).toEqual(Object.keys(parked).map((what) => [what, "completed"]));
}, 60_000);

/** Makes a job and waits until it is where it is to be left. */
async function park(name: string, state: JobState, make: () => Promise<string>): Promise<void> {
  const id = await make();
  parked[name] = { id, state };
  await engine.reaches(id, state);
}

async function runs(id: string): Promise<void> {
  await engine.reaches(id, "running");
}

/** Takes a message away, as somebody does who purges a queue. */
async function loses(queue: string): Promise<void> {
  await eventually(`a message in ${queue}`, async () => (await engine.broker.takeAll(queue)).length === 1);
}

/** A person moves the parked copy back to the queue where it failed. */
async function replayByHand(): Promise<void> {
  const copies = await eventually("the parked copy", async () => {
    const taken = await engine.broker.takeAll("parked.dead-letters");
    return taken.length > 0 && taken;
  });
  for (const { content, properties } of copies) await engine.broker.put("parked.high", content, properties);
}

/** The sweep judges what minutes have shown: here they pass by moving what it noted back. */
async function sweeping(done: Promise<unknown>): Promise<void> {
  const log = createLogger("test", "silent");
  const db = openDatabase({ url: engine.url, name: "duly test sweep", connections: 2, log });
  const sweep = new Sweep(db, log);
  let isDone = false;
  const over = () => void (isDone = true);
  const noted = done.then(over, over); // whoever waits for them says what went wrong
  await eventually(
    "the sweep to have found what was lost",
    async () => {
      await sweep.stragglers();
      const minutes = sql`interval '2 minutes'`;
      await sql`update duly.suspects set seen_at = seen_at - ${minutes}, passed_at = passed_at - ${minutes}`.execute(
        db,
      );
      await sql`update duly.queue_marks set empty_since = empty_since - ${minutes}`.execute(db);
      return isDone;
    },
    40_000,
  );
  await noted;
  await db.destroy();
}

function inAnHour(): Date {
  return new Date(Date.now() + AN_HOUR_MS);
}
