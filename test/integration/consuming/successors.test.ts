import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { cancel, defineJob, type EnqueueOptions, enqueue, enqueueMany, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, effectsOf, Gate, holds, lettersOf, published, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({ round: z.number() });
const later = new Date(Date.now() + 3_600_000);

async function jobsOf(type: string) {
  const found = await sql<{ state: string; round: number }>`
    select state, (payload ->> 'round')::int as round from duly.jobs where type = ${type} order by number`.execute(
    engine.db,
  );
  return found.rows;
}

test.concurrent.each([
  ["record, keep, at once", "record", { ifTaken: "keep" }],
  ["record, keep, later", "record", { ifTaken: "keep", runAt: later }],
  ["record, replace, later", "record", { ifTaken: "replace", runAt: later }],
  ["record, reject, later", "record", { ifTaken: "reject", runAt: later }],
  ["perform, keep, later", "perform", { ifTaken: "keep", runAt: later }],
  ["perform, replace, later", "perform", { ifTaken: "replace", runAt: later }],
] satisfies [string, string, EnqueueOptions][])(
  "a handler enqueues the next job under its own unique key (%s)",
  async (name, way, options) => {
    const service = `successors-${name.replaceAll(/\W+/g, "-")}`;
    const Again = defineJob(`${service}.again`, { payload, priority: "high" });
    const record = async (trx: Parameters<typeof enqueue>[0], round: number) => {
      if (round < 3) await enqueue(trx, Again, { round: round + 1 }, { ...options, uniqueKey: "k" });
    };
    const handler =
      way === "perform"
        ? handle(Again, {
            effects: "keyed",
            perform: async () => undefined,
            record: (trx, _, job) => record(trx, job.payload.round),
          })
        : handle(Again, { record: (trx, _, job) => record(trx, job.payload.round) });
    await engine.consume(service, [handler]);
    const first = await add(engine, Again, { round: 1 }, { uniqueKey: "k" });
    await engine.reaches(first, "completed");
    const rounds =
      "runAt" in options
        ? [
            { state: "completed", round: 1 },
            { state: "scheduled", round: 2 },
          ]
        : [1, 2, 3].map((round) => ({ state: "completed", round }));
    await eventually("the last of them", async () => {
      const jobs = await jobsOf(Again.type);
      return jobs.length === rounds.length && jobs.at(-1)?.state === rounds.at(-1)?.state;
    });
    expect(await jobsOf(Again.type)).toEqual(rounds);
  },
);

/**
 * Two jobs in one group, the first of which does something to the second while both are being recorded: two others keep
 * a consumer busy until both have come.
 */
async function together(
  service: string,
  meddle: (trx: Parameters<typeof enqueue>[0], other: string) => Promise<unknown>,
) {
  const Work = defineJob(`${service}.work`, { payload, priority: "high" });
  const gates = [new Gate(), new Gate()];
  let second = "";
  const handler = handle(Work, {
    record: async (trx, _, { job, payload: { round } }) => {
      if (round < 0) return gates[round + gates.length]?.pass();
      await sql`insert into effects (job, note) values (${job.id}, ${`round ${round}`})`.execute(trx);
      if (round === 1) await meddle(trx, second);
    },
  });
  await engine.consume(service, [handler]);
  for (const [place, gate] of gates.entries()) {
    await add(engine, Work, { round: place - gates.length });
    await gate.reached;
  }
  const ids = await engine.db.transaction().execute((trx) =>
    enqueueMany(trx, Work, [
      { payload: { round: 1 }, uniqueKey: "first" },
      { payload: { round: 2 }, uniqueKey: "second" },
    ]),
  );
  second = ids[1] ?? "";
  for (const id of ids) await published(engine, id);
  await holds(engine, `${service}.high`, 0);
  for (const gate of gates) gate.open();
  return { first: ids[0] ?? "", second };
}

test.concurrent("whoever would take the place of a job that is being recorded beside it becomes a job of its own, and both are done", async () => {
  const Same = defineJob("replaced.work", { payload, priority: "high" });
  let newcomer = "";
  const { first, second } = await together("replaced", async (trx) => {
    newcomer = await enqueue(trx, Same, { round: 22 }, { uniqueKey: "second", ifTaken: "replace" });
  });
  await engine.reaches(first, "completed");
  expect(newcomer).not.toBe(second);
  for (const [id, note] of [
    [first, "round 1"],
    [second, "round 2"],
    [newcomer, "round 22"],
  ] as const) {
    expect(await engine.reaches(id, "completed")).toMatchObject({ send: 1, attempt: 1 });
    expect(await effectsOf(engine, id)).toEqual([note]);
  }
});

test.concurrent("a job that another of its group cancels has no effect", async () => {
  const { first, second } = await together("cancelled", (trx, other) => cancel(trx, other, "not wanted"));
  await engine.reaches(first, "completed");
  await engine.reaches(second, "cancelled");
  expect(await effectsOf(engine, second)).toEqual([]);
});

test.concurrent("a job whose own handler cancels it becomes a dead letter that says so, and writes nothing", async () => {
  const Self = defineJob("self.work", { payload, priority: "high" });
  const handler = handle(Self, {
    record: async (trx, _, { job }) => {
      await sql`insert into effects (job) values (${job.id})`.execute(trx);
      await cancel(trx, job.id, "by itself");
    },
  });
  await engine.consume("self", [handler]);
  const id = await add(engine, Self, { round: 1 });
  await engine.reaches(id, "dead_lettered");
  expect((await lettersOf(engine, id))[0]).toMatchObject({
    reason: "permanent_error",
    error: { code: "job_changed" },
  });
  expect(await effectsOf(engine, id)).toEqual([]);
});
