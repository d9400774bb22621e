import { connect } from "amqplib";
import { sql } from "kysely";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle, PermanentError } from "#shared/index.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire } from "../../support/tcp-proxy.ts";
import { management } from "../../support/virtual-host.ts";

const engine = useEngine();
const Mend = defineJob("test.mend", { payload: z.object({}), priority: "high" });
const JOBS = 10;
const PARKED = "mender.dead-letters";
let broken = true;
const calls = new Map<string, number>();
let ids: string[];

beforeAll(async () => {
  await engine.startRelay();
  const perform = async ({ job }: { job: { id: string } }) => {
    calls.set(job.id, (calls.get(job.id) ?? 0) + 1);
    if (broken) throw new PermanentError("broken", "not yet mended");
  };
  await engine.consume("mender", [handle(Mend, { effects: "keyed", perform })]);
});
// Ten jobs that have failed once, each with its copy.
beforeEach(async () => {
  broken = true;
  calls.clear();
  await sql`truncate duly.jobs, duly.dead_letters`.execute(engine.db);
  await engine.broker.takeAll(PARKED).catch(() => undefined); // none before the first
  ids = await enqueueMany(
    engine.db,
    Mend,
    Array.from({ length: JOBS }, () => ({ payload: {} })),
  );
  await parked(JOBS);
});

async function parked(copies: number): Promise<void> {
  await eventually(
    `${copies} parked copies`,
    async () => (await engine.broker.count(PARKED).catch(() => -1)) === copies,
  );
}

/** RabbitMQ's own "Move messages": a shovel that takes what is there now, and ends. */
async function moveMessages(from: string, to: string): Promise<void> {
  const here = `amqp:///${engine.broker.name}`;
  const value = {
    "src-protocol": "amqp091",
    "src-uri": here,
    "src-queue": from,
    "src-delete-after": "queue-length",
    "dest-protocol": "amqp091",
    "dest-uri": here,
    "dest-queue": to,
    "dest-add-forward-headers": false,
    "ack-mode": "on-confirm",
  };
  const path = `/api/parameters/shovel/${engine.broker.name}/move`;
  await management("PUT", path, { value });
  await eventually("the shovel to be done", async () => {
    return "error" in ((await management("GET", path)) as object); // not found: it removes itself
  });
}

async function letters(): Promise<unknown[]> {
  const rows = await sql`
    select open, closed, count(*)::int as jobs from (
      select count(*) filter (where closed_at is null)::int as open, count(closed_at)::int as closed
      from duly.dead_letters group by job_id) l group by 1, 2`.execute(engine.db);
  return rows.rows;
}

test("copies moved back while the cause stands fail once more each, and there it ends", async () => {
  await moveMessages(PARKED, "mender.high");
  // How often each was replayed can be seen: one closed letter for each time.
  await expect.poll(letters, { timeout: 15_000 }).toEqual([{ open: 1, closed: 1, jobs: JOBS }]);
  await parked(JOBS);
  expect(ids.map((id) => calls.get(id))).toEqual(ids.map(() => 2));
  expect(await engine.broker.count("mender.high")).toBe(0);
});

test("a move that dies half way loses nothing, and what it had moved already runs once", async () => {
  broken = false;
  const wire = await layWire(engine.broker.url);
  const mover = await connect(wire.url);
  mover.on("error", () => undefined);
  const channel = await mover.createConfirmChannel();
  for (let n = 0; n < JOBS / 2; n += 1) {
    const copy = await channel.get(PARKED);
    if (copy === false) throw new Error("no copy left");
    // As a shovel: the default exchange, the queue as key, headers and properties as they are.
    channel.sendToQueue("mender.high", copy.content, copy.properties);
  }
  await channel.waitForConfirms();
  // It dies before its acks: those copies are back, though their jobs run.
  wire.cut();
  await parked(JOBS);
  await wire.close();
  await moveMessages(PARKED, "mender.high");
  for (const id of ids) expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  expect(ids.map((id) => calls.get(id))).toEqual(ids.map(() => 2));
  expect(await letters()).toEqual([{ open: 0, closed: 1, jobs: JOBS }]);
  expect(await engine.broker.count(PARKED)).toBe(0);
});
