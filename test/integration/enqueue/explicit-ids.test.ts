import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { complete } from "#shared/jobs/complete.ts";
import { deriveId } from "#shared/jobs/derive-id.ts";
import { findJob } from "#shared/jobs/find-job.ts";
import { eventually } from "../../support/eventually.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const Tell = defineJob("test.tell", { payload: z.object({ round: z.int() }) });
const { db, open } = await serviceDatabase("teller", [Tell]);
const second = open(1);
const NO_ID = "00000000-0000-0000-0000-000000000000";

async function rounds(id: string): Promise<number[]> {
  const found = await sql<{ round: number }>`
    select (payload ->> 'round')::int as round from duly.jobs where id = ${id}
    union all select (payload ->> 'round')::int from duly.jobs_history where id = ${id}
  `.execute(db);
  return found.rows.map((row) => row.round);
}

async function sends(id: string): Promise<number> {
  return (await sql`select from duly.outbox where ref = ${id}`.execute(db)).rows.length;
}

test("the same id again changes nothing and gives the same id", async () => {
  const id = randomUUID();
  expect(await enqueue(db, Tell, { round: 1 }, { id })).toBe(id);
  expect(await enqueue(db, Tell, { round: 2 }, { id, priority: "medium" })).toBe(id);
  expect([await rounds(id), await sends(id)]).toEqual([[1], 1]);
});

test("the same id twice in one bulk is one job, the first", async () => {
  const id = randomUUID();
  const ids = await enqueueMany(db, Tell, [
    { payload: { round: 1 }, id },
    { payload: { round: 2 }, id },
  ]);
  expect(ids).toEqual([id, id]);
  expect([await rounds(id), await sends(id)]).toEqual([[1], 1]);
});

test("the same id in two transactions at once is one job", async () => {
  const id = randomUUID();
  const added = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const first = db.transaction().execute(async (trx) => {
    await enqueue(trx, Tell, { round: 1 }, { id });
    added.resolve();
    await go.promise;
  });
  await added.promise;
  const again = enqueue(second, Tell, { round: 2 }, { id });
  await eventually("the second to wait", async () => {
    const waiting = await sql`
      select from pg_locks where not granted
        and pid in (select pid from pg_stat_activity where datname = current_database())
    `.execute(db);
    return waiting.rows.length > 0;
  });
  go.resolve();
  await first;
  expect(await again).toBe(id);
  expect([await rounds(id), await sends(id)]).toEqual([[1], 1]);
});

test("an id whose job finished and moved to the history is still known", async () => {
  const event = (await sql<{ id: string }>`select duly.new_id() as id`.execute(db)).rows[0]!.id;
  const id = deriveId(event, "teller/test");
  await enqueue(db, Tell, { round: 1 }, { id });
  await complete(db, [{ id, send: 1, result: undefined, startedAt: new Date() }]);
  await sql`select duly.archive_finished(${NO_ID}, '-1 s', 100000)`.execute(db);
  expect(await findJob(db, id)).toEqual({ place: "history" });
  await sql`delete from duly.outbox where ref = ${id}`.execute(db);

  expect(await enqueue(db, Tell, { round: 2 }, { id })).toBe(id);
  expect([await rounds(id), await sends(id)]).toEqual([[1], 0]);
});

test("an id that is no UUID is an error of the caller's", async () => {
  await expect(enqueue(db, Tell, { round: 1 }, { id: "payment-7" })).rejects.toMatchObject({ code: "22P02" });
});
