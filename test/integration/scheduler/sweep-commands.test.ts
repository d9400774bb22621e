import { sql } from "kysely";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineEvent, emit } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { noteRepair } from "#shared/jobs/repairs.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { runFile } from "../../support/run-file.ts";

const engine = useEngine();
const Found = defineEvent("bone.found", { version: 1, data: z.object({ n: z.int() }) });
const Lost = defineEvent("bone.lost", { version: 1, data: z.object({ n: z.int() }) });

beforeAll(() => register(engine.db, "dog", [], ["bone.found.v1", "bone.lost.v1"]));
beforeEach(async () => {
  await sql`truncate duly.repairs, duly.suspects`.execute(engine.db);
});

async function run(command: string, ...args: string[]) {
  return runFile(`services/scheduler/commands/${command}.ts`, args, { DATABASE_URL: engine.url });
}

test("duly sweep shows what was put right, and says so when nothing had to be", async () => {
  expect(await run("sweep")).toMatchObject({ code: 0, out: "Nothing had to be put right.\n" });
  await noteRepair(engine.db, "stragglers", 3, { queue: "dog.high" });
  await sql`insert into duly.suspects values (duly.new_id(), 1, 'dog.low', false, duly.now())`.execute(
    engine.db,
  );
  const { out } = await run("sweep");
  expect(out).toMatch(
    /^\S+Z {2}stragglers {15}3 jobs {2}queue dog\.high\ndog\.low: 1 jobs are waited for\n$/,
  );
  const json = JSON.parse((await run("sweep", "-o", "json")).out) as unknown;
  expect(json).toMatchObject({
    repairs: [{ kind: "stragglers", jobs: 3, detail: { queue: "dog.high" } }],
    suspects: [{ queue: "dog.low", jobs: 1 }],
  });
});

test("duly resend events has those of a type and time told again, by the scheduler", async () => {
  const { db, broker } = engine;
  const [found] = await db.transaction().execute(async (trx) => {
    return [await emit(trx, Found, { n: 1 }), await emit(trx, Lost, { n: 2 })];
  });
  await sql`truncate duly.outbox`.execute(db);
  const relay = await engine.startRelay();
  const scheduler = await engine.startScheduler();
  const finished = await run("resend-events", "--since", "1h", "--type", "bone.found.v1");
  expect(finished).toMatchObject({ code: 0, out: "1 events will be told again by the scheduler.\n" });
  await eventually("the event", async () => (await broker.count("dog.events")) === 1);
  await eventually("the end", async () => {
    return (await sql`select from duly.event_resends where done_at is null`.execute(db)).rows.length === 0;
  });
  const messages = await broker.takeAll("dog.events");
  expect(messages.map(({ properties }) => String(properties.messageId))).toEqual([found]);
  await scheduler.stop();
  await relay.stop();
});

test("a time that cannot be read is told of", async () => {
  const { code, err } = await run("resend-events", "--since", "yesterday");
  expect(code).toBe(1);
  expect(err).toContain('--since: "yesterday" is neither a time like');
  expect((await run("resend-events", "--since", "1h", "--until", "2h")).err).toContain("before --until");
});
