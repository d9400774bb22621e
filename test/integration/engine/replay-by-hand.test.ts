import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, handle, PermanentError } from "#shared/index.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const engine = useEngine();

const Mend = defineJob("test.mend", { payload: z.object({ name: z.string() }), priority: "high" });

const broken = new Set(["pump"]);
const calls: string[] = [];

beforeAll(async () => {
  await engine.startRelay();
  await engine.consume("mender", [
    handle(Mend, {
      effects: "keyed",
      perform: async ({ payload: { name } }) => {
        calls.push(name);
        if (broken.has(name)) throw new PermanentError("broken", "not yet mended");
      },
    }),
  ]);
});

/** Moves everything from one queue to another as RabbitMQ's "Move messages" does: default exchange, queue as key. */
async function moveAll(from: string, to: string): Promise<number> {
  const messages = await engine.broker.takeAll(from);
  for (const message of messages) await engine.broker.put(to, message.content, message.properties);
  return messages.length;
}

test("a parked copy moved to its work queue sends the job again, once, and a second copy of it is forgotten", async () => {
  const id = await engine.db
    .transaction()
    .execute((trx) => enqueue(trx, Mend, { name: "pump" }, { uniqueKey: "pump" }));
  await engine.reaches(id, "dead_lettered");
  await eventually("the parked copy", async () => (await engine.broker.count("mender.dead-letters")) === 1);

  broken.delete("pump");
  const [copy] = await engine.broker.takeAll("mender.dead-letters");
  if (copy === undefined) throw new Error("the copy is gone");
  expect(copy.properties.headers).toMatchObject({
    "duly-job": id,
    "duly-reason": "permanent_error",
    "duly-error": "not yet mended",
    "duly-origin": "mender.high",
    "duly-attempts": 1,
  });
  await engine.broker.put("mender.high", copy.content, copy.properties);
  await engine.reaches(id, "completed");
  await engine.broker.put("mender.high", copy.content, copy.properties);
  await eventually(
    "the work queue to be empty",
    async () => (await engine.broker.count("mender.high")) === 0,
  );
  expect(calls.filter((name) => name === "pump")).toHaveLength(2);
  const letters = await sql<{
    open: boolean;
  }>`select closed_at is null as open from duly.dead_letters where job_id = ${id}`.execute(engine.db);
  expect(letters.rows).toEqual([{ open: false }]);
});

test("a parked copy whose unique key another job has by now goes back to the parked queue", async () => {
  const first = await engine.db
    .transaction()
    .execute((trx) => enqueue(trx, Mend, { name: "valve" }, { uniqueKey: "v" }));
  await engine.reaches(first, "completed");
  await sql`update duly.jobs set state = 'dead_lettered' where id = ${first}`.execute(engine.db);
  await sql`insert into duly.dead_letters (id, job_id, service, type, priority, reason, created_at)
    values (duly.new_id(), ${first}, 'mender', 'test.mend', 'high', 'permanent_error', now())`.execute(
    engine.db,
  );
  await sql`insert into duly.outbox (lane, ref, send)
    select 'letter', id, 1 from duly.dead_letters where job_id = ${first}`.execute(engine.db);
  await eventually("the parked copy", async () => (await engine.broker.count("mender.dead-letters")) === 1);
  const second = await engine.db
    .transaction()
    .execute((trx) =>
      enqueue(trx, Mend, { name: "valve" }, { uniqueKey: "v", runAt: new Date(Date.now() + 3_600_000) }),
    );

  expect(await moveAll("mender.dead-letters", "mender.high")).toBe(1);
  await eventually(
    "the copy to be parked again",
    async () => (await engine.broker.count("mender.dead-letters")) === 1,
  );
  const [again] = await engine.broker.takeAll("mender.dead-letters");
  expect(again?.properties.headers?.["duly-copy"]).toBe(2);
  await engine.reaches(first, "dead_lettered");
  await engine.reaches(second, "scheduled");
});

test("a job that was taken for the killer of its processes is tried anew when a person replays it", async () => {
  broken.add("killer");
  const id = await engine.db.transaction().execute((trx) => enqueue(trx, Mend, { name: "killer" }));
  await engine.reaches(id, "dead_lettered");
  // As three deaths alone leave it, the last one lately.
  const ghost = randomUUID();
  await sql`
    insert into duly.consumers (instance, service, host, pid, started_at, seen_at, in_hand)
    values (${ghost}, 'mender', 'nowhere', 1, duly.now(), duly.now() - interval '1 minute', '{}')`.execute(
    engine.db,
  );
  await sql`
    insert into duly.lone_runs (job_id, queue, instance, deaths, noted_at)
    values (${id}, 'mender.high', ${ghost}, 2, duly.now())`.execute(engine.db);
  await sql`update duly.jobs set crashes = 3 where id = ${id}`.execute(engine.db);
  broken.delete("killer");
  await eventually("the parked copy", async () => (await engine.broker.count("mender.dead-letters")) > 0);
  const calledBefore = calls.length;
  await moveAll("mender.dead-letters", "mender.high");
  await engine.reaches(id, "completed");
  expect(calls.slice(calledBefore)).toContain("killer");
});
