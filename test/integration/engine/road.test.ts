import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, handle } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";

const engine = useEngine();

const Greet = defineJob("test.greet", { payload: z.object({ name: z.string() }), priority: "high" });

beforeAll(() => register(engine.db, "greeter", [Greet], []));

test("a committed job is performed, recorded and completed with its result", async () => {
  await engine.startRelay();
  const calls: string[] = [];
  await engine.consume("greeter", [
    handle(Greet, {
      effects: "keyed",
      perform: async ({ payload, intent }) => {
        calls.push(intent.key);
        return `hello ${payload.name}`;
      },
      record: async (_, receipt) => ({ receipt }),
    }),
  ]);
  const id = await engine.db.transaction().execute((trx) => enqueue(trx, Greet, { name: "Ada" }));
  const job = await engine.reaches(id, "completed");
  expect(job).toMatchObject({ attempt: 1, send: 1, claim: 1, result: { receipt: "hello Ada" } });
  expect(calls).toEqual([`${id}.1`]);
});

test("a rolled-back transaction leaves no job", async () => {
  const id = randomUUID();
  await expect(
    engine.db.transaction().execute(async (trx) => {
      await enqueue(trx, Greet, { name: "nobody" }, { id });
      throw new Error("changed my mind");
    }),
  ).rejects.toThrow("changed my mind");
  const left = await sql`select from duly.jobs where id = ${id}`.execute(engine.db);
  const rows = await sql`select from duly.outbox where ref = ${id}`.execute(engine.db);
  expect([left.rows.length, rows.rows.length]).toEqual([0, 0]);
});
