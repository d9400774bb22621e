import { sql } from "kysely";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue } from "#shared/index.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { killAll, startProcess } from "../../support/service-process.ts";
import { declareQueueOf, effectsOf, holds, useRoad } from "./road.ts";

const engine = useRoad();
afterAll(killAll);

const SERVICE = "killing-record";
const Work = defineJob(`${SERVICE}.work`, {
  payload: z.object({ kills: z.boolean() }),
  priority: "high",
  attempts: 1,
  backoff: [],
});

function startConsumer(crashAt: string) {
  const { url: DATABASE_URL, broker } = engine;
  const env = { DATABASE_URL, AMQP_URL: broker.url, KILLING_KIND: "record", DULY_CRASH_AT: crashAt };
  return startProcess({ file: "test/integration/consuming/killing-service.ts", env });
}

/** A job that was given up, whose parked copy somebody moved back to its work queue. */
async function replayed(): Promise<string> {
  const { db, broker } = engine;
  const queue = await declareQueueOf(engine, SERVICE, Work);
  const id = await db.transaction().execute(async (trx) => {
    const job = await enqueue(trx, Work, { kills: false });
    await sql`delete from duly.outbox where ref = ${job}`.execute(trx);
    await writeLetters(trx, [{ id: job, attempts: 1 }], "permanent_error", { name: "Error", message: "no" });
    return job;
  });
  await holds(engine, `${SERVICE}.dead-letters`, 1);
  const [copy] = await broker.takeAll(`${SERVICE}.dead-letters`);
  await broker.put(queue, copy?.content ?? Buffer.alloc(0), copy?.properties);
  return id;
}

async function seen(id: string) {
  const { rows } = await sql`
    select j.state, j.send, j.attempt, count(*)::int as letters, count(l.closed_at)::int as closed
    from duly.jobs j join duly.dead_letters l on l.job_id = j.id where j.id = ${id} group by j.id
  `.execute(engine.db);
  return rows[0];
}

test.each([
  ["consumer.replaying", { state: "dead_lettered", send: 1, attempt: 1, letters: 1, closed: 0 }],
  ["consumer.replayed", { state: "queued", send: 2, attempt: 0, letters: 1, closed: 1 }],
])(
  "a consumer that dies at %s of a replay leaves all of it or nothing, and the next one runs the job once",
  async (death, left) => {
    const id = await replayed();
    expect(await startConsumer(death).ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(await seen(id)).toEqual(left);
    const consumer = startConsumer("");
    await engine.reaches(id, "completed");
    expect(await seen(id)).toEqual({ state: "completed", send: 2, attempt: 1, letters: 1, closed: 1 });
    expect(await effectsOf(engine, id)).toEqual(["done"]);
    await holds(engine, `${SERVICE}.high`, 0);
    await consumer.kill();
  },
);
