import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire } from "../../support/tcp-proxy.ts";
import { said } from "../../support/watched-log.ts";
import { add, holds, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});
const job = (type: string) => defineJob(type, { payload, priority: "high", attempts: 1, backoff: [] });

test("a consumer that starts while PostgreSQL is away begins once it answers", async () => {
  const Work = job("patient.work");
  const wire = await layWire(engine.url);
  wire.refuse(true);
  const starting = engine.consume(
    "patient",
    [handle(Work, { record: async () => undefined })],
    {},
    {
      DATABASE_URL: wire.url,
    },
  );
  await eventually("it to have knocked twice", async () => wire.refusals() > 1);
  wire.refuse(false);
  const consumer = await starting;
  expect(await engine.reaches(await add(engine, Work, {}), "completed")).toMatchObject({ attempt: 1 });
  await consumer.stop();
  await wire.close();
});

test("while PostgreSQL is away, a consumer says so, takes no more than it has room for, and loses nothing", async () => {
  const Work = job("waiting.work");
  const handler = handle(Work, {
    recordAll: async (trx, items) => {
      for (const item of items) await sql`insert into effects (job) values (${item.job.id})`.execute(trx);
    },
  });
  const wire = await layWire(engine.url);
  const consumer = await engine.consume("waiting", [handler], {}, { DATABASE_URL: wire.url });
  await engine.reaches(await add(engine, Work, {}), "completed");
  const word = said(/PostgreSQL does not answer; taking no new work/);
  wire.refuse(true);
  wire.cut();
  const room = 400;
  const ids = await engine.db.transaction().execute((trx) =>
    enqueueMany(
      trx,
      Work,
      Array.from({ length: room + 50 }, () => ({ payload: {} })),
    ),
  );
  await word;
  await holds(engine, "waiting.high", 50);
  wire.refuse(false);
  const done = await eventually("all of them to be done", async () => {
    const result = await sql<{ completed: number; attempts: number; effects: number; jobs: number }>`
      select count(*) filter (where j.state = 'completed')::int as completed, sum(j.attempt)::int as attempts,
        (select count(*)::int from effects e where e.job = any(${ids}::uuid[])) as effects,
        (select count(distinct e.job)::int from effects e where e.job = any(${ids}::uuid[])) as jobs
      from duly.jobs j where j.id = any(${ids}::uuid[])`.execute(engine.db);
    return result.rows.find(({ completed }) => completed === ids.length);
  });
  expect(done).toMatchObject({ attempts: ids.length, effects: ids.length, jobs: ids.length });
  await consumer.stop();
  await wire.close();
});
