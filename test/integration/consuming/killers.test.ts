import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany, handle } from "#shared/index.ts";
import { requeueOrphans } from "#shared/jobs/requeue-orphans.ts";
import { eventually } from "../../support/eventually.ts";
import { killAll, startProcess } from "../../support/service-process.ts";
import { add, declareQueueOf, effectsOf, Gate, holds, lettersOf, published, useRoad } from "./road.ts";

const engine = useRoad();
afterAll(killAll);

const NEIGHBOURS = 8;

/** Lets 30 s pass for the heartbeats of a service, and sends its orphans anew as the sweep would. */
async function fallSilent(service: string): Promise<void> {
  await sql`update duly.consumers set seen_at = seen_at - interval '1 minute' where service = ${service}`.execute(
    engine.db,
  );
  await engine.db.transaction().execute((trx) => requeueOrphans(trx));
}

async function unfinished(service: string): Promise<number> {
  const rows = await sql<{ left: number }>`
    select count(*)::int as left from duly.jobs where service = ${service}
      and state not in ('completed', 'dead_lettered')`.execute(engine.db);
  return rows.rows[0]?.left ?? 0;
}

/** Starts a service again each time it dies, until its jobs have ended. */
async function keepAlive(service: string, kind: string): Promise<number> {
  for (let deaths = 0; deaths < 20; deaths += 1) {
    const file = "test/integration/consuming/killing-service.ts";
    const env = { DATABASE_URL: engine.url, AMQP_URL: engine.broker.url, KILLING_KIND: kind };
    const child = startProcess({ file, env });
    let ended = false;
    const watching = child.ended.then(() => (ended = true));
    const allDone = await eventually(
      "the end of its jobs or its own",
      async () => ((await unfinished(service)) === 0 ? "all done" : ended && "dead"),
      40_000,
    );
    if (allDone === "all done") await child.kill();
    await watching;
    if (allDone === "all done") return deaths;
    await fallSilent(service);
  }
  throw new Error(`${service} died twenty times`);
}

for (const kind of ["keyed", "atLeastOnce", "record"]) {
  test.concurrent(`a job that kills its process costs its neighbours nothing (${kind})`, async () => {
    const service = `killing-${kind.toLowerCase()}`;
    const Work = defineJob(`${service}.work`, {
      payload: z.object({ kills: z.boolean() }),
      priority: "high",
      attempts: 1,
      backoff: [],
    });
    await declareQueueOf(engine, service, Work);
    const items = Array.from({ length: NEIGHBOURS + 1 }, (_, place) => ({ payload: { kills: place === 2 } }));
    const ids = await engine.db.transaction().execute(async (trx) => {
      const added = await enqueueMany(trx, Work, items);
      // Two processes have died with it and others, and one with it alone, so that the test need not see that too.
      await sql`update duly.jobs set crashes = 2 where id = ${added[2]}`.execute(trx);
      await sql`insert into duly.lone_runs (job_id, queue, instance, deaths, noted_at)
        values (${added[2]}, ${`${service}.high`}, ${randomUUID()}, 1, duly.now())`.execute(trx);
      return added;
    });
    const deaths = await keepAlive(service, kind);
    const killer = ids[2] ?? "";
    expect(deaths).toBeGreaterThanOrEqual(3); // with all the others, alone on its queue, alone in the process
    expect(deaths).toBeLessThanOrEqual(4);
    expect(await engine.reaches(killer, "dead_lettered")).toMatchObject({ attempt: 0 });
    expect(await lettersOf(engine, killer)).toMatchObject([{ reason: "killed_its_consumer", attempts: 0 }]);
    expect(await effectsOf(engine, killer)).toEqual(["given up"]);
    for (const id of ids.filter((each) => each !== killer)) {
      expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
        state: "completed",
        attempt: 1,
      });
      expect(await effectsOf(engine, id)).toEqual(["done"]);
    }
  }, 90_000);
}

interface Suspect {
  /** A process that ran it alone before: silent since, alive by the looks of it, or signed off. */
  readonly former?: "silent" | "alive" | "gone";
  readonly deaths?: number;
}

const payload = z.object({});
const job = (type: string) => defineJob(type, { payload, priority: "high", priorities: ["high", "medium"] });

/** Adds a job that three processes have died with. */
async function addSuspect(
  definition: ReturnType<typeof job>,
  { former, deaths = 0 }: Suspect = {},
): Promise<string> {
  return engine.db.transaction().execute(async (trx) => {
    const id = await enqueue(trx, definition, {});
    await sql`update duly.jobs set crashes = 3 where id = ${id}`.execute(trx);
    if (former === undefined) return id;
    const ghost = randomUUID();
    await sql`insert into duly.lone_runs (job_id, queue, instance, deaths, noted_at)
      values (${id}, ${definition.type}, ${ghost}, ${deaths}, duly.now())`.execute(trx);
    if (former !== "gone") {
      await sql`insert into duly.consumers (instance, service, host, pid, started_at, seen_at, in_hand)
        values (${ghost}, ${definition.type}, 'nowhere', 1, duly.now(),
          duly.now() - ${former === "silent" ? "31 s" : "0 s"}::interval, '{}')`.execute(trx);
    }
    return id;
  });
}

async function suspicion(id: string): Promise<unknown> {
  const rows =
    await sql`select crashes, (select count(*)::int from duly.lone_runs l where l.job_id = j.id) as notes
    from duly.jobs j where id = ${id}`.execute(engine.db);
  return rows.rows[0];
}

test.concurrent("a death counts only when the process that noted the run has fallen silent", async () => {
  const Work = job("doubted.work");
  await declareQueueOf(engine, "doubted", Work);
  const ran: string[] = [];
  await engine.consume("doubted", [
    handle(Work, {
      effects: "keyed",
      perform: async ({ job: { id } }) => void (await Promise.resolve(ran.push(id))),
      recordFailure: (trx, error, { job: { id } }) =>
        sql`insert into effects (job, note) values (${id}, ${error.message})`.execute(trx),
    }),
  ]);

  const deadly = await addSuspect(Work, { former: "silent", deaths: 2 });
  expect(await engine.reaches(deadly, "dead_lettered", "completed")).toMatchObject({ attempt: 0, claim: 0 });
  expect(await lettersOf(engine, deadly)).toMatchObject([{ reason: "killed_its_consumer" }]);
  expect((await effectsOf(engine, deadly)).join()).toMatch(/^3 processes died/);

  const innocent = await addSuspect(Work, { former: "gone", deaths: 2 });
  expect(await engine.reaches(innocent, "dead_lettered", "completed")).toMatchObject({ state: "completed" });
  await eventually("the note to be struck out", async () => {
    const { crashes, notes } = (await suspicion(innocent)) as { crashes: number; notes: number };
    return crashes === 0 && notes === 0;
  });

  const unclear = await addSuspect(Work, { former: "alive", deaths: 2 });
  const held = await engine.reaches(unclear, "held", "dead_lettered", "completed");
  expect(held).toMatchObject({ state: "held", attempt: 0 });
  expect(held.waits_for).toMatch(/certainty/);
  expect((held.wake_at?.getTime() ?? 0) - Date.now()).toBeGreaterThan(20_000);
  await sql`update duly.consumers set seen_at = seen_at - interval '1 minute' where service = ${Work.type}`.execute(
    engine.db,
  );
  await sql`update duly.jobs set wake_at = duly.now() where id = ${unclear}`.execute(engine.db);
  expect(await engine.reaches(unclear, "dead_lettered", "completed")).toMatchObject({
    state: "dead_lettered",
  });
  expect(ran).toEqual([innocent]);
});

async function inHand(id: string, queue = "lonely.high"): Promise<void> {
  await published(engine, id);
  await holds(engine, queue, 0);
}

test.concurrent("a suspect runs alone on its queue, and alone in the process when the next death decides", async () => {
  const Work = job("lonely.work");
  await declareQueueOf(engine, "lonely", Work);
  const gates = new Map<string, Gate>();
  const gateOf = (id: string): Gate => {
    const gate = gates.get(id) ?? new Gate();
    gates.set(id, gate);
    return gate;
  };
  const started: string[] = [];
  const perform = async ({ job: { id } }: { job: { id: string } }) => {
    started.push(id);
    await gateOf(id).pass();
  };
  await engine.consume("lonely", [handle(Work, { effects: "keyed", perform })], { high: 4, medium: 2 });
  const elsewhere = await add(engine, Work, {}, { priority: "medium" });
  await gateOf(elsewhere).reached;
  const running = await add(engine, Work, {});
  await gateOf(running).reached;

  const suspect = await addSuspect(Work);
  await inHand(suspect);
  const neighbour = await add(engine, Work, {});
  await inHand(neighbour);
  expect(started).not.toContain(suspect); // one of its queue still runs
  gateOf(running).open();
  await gateOf(suspect).reached; // though a job of another queue runs
  await engine.reaches(running, "completed");
  const second = await add(engine, Work, {});
  await inHand(second);
  expect(started).toEqual([elsewhere, running, suspect]);
  for (const id of [suspect, neighbour, second]) gateOf(id).open();
  await Promise.all([neighbour, second].map((id) => engine.reaches(id, "completed")));

  const last = await addSuspect(Work, { former: "gone", deaths: 2 });
  await inHand(last);
  const later = await add(engine, Work, {}, { priority: "medium" });
  await inHand(later, "lonely.medium");
  expect(started).not.toContain(last);
  expect(started).not.toContain(later);
  gateOf(elsewhere).open();
  await gateOf(last).reached;
  expect(started).not.toContain(later);
  for (const id of [last, later]) gateOf(id).open();
  await engine.reaches(later, "completed");
  expect(started).toEqual([elsewhere, running, suspect, neighbour, second, last, later]);
});
