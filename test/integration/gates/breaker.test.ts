import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, dependency, enqueueMany, handle, PermanentError, RetryableError } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, declareQueueOf, holds, leaveToGhost } from "../consuming/road.ts";
import { allReach, gateOf, gateReaches, jobsOf, useGates } from "./gate-world.ts";

const { engine, advance } = useGates();
const payload = z.object({});
const PROBE_MS = 60_000;

/** A provider that fails while it is down, and counts who calls it. */
function provider() {
  const seen = { down: true, calls: 0, atOnce: 0, most: 0, ids: [] as string[] };
  const call = async ({ job: { id } }: { job: { id: string } }) => {
    seen.calls += 1;
    seen.atOnce += 1;
    seen.most = Math.max(seen.most, seen.atOnce);
    seen.ids.push(id);
    await new Promise((resolve) => setTimeout(resolve, 5));
    seen.atOnce -= 1;
    if (seen.down) throw new RetryableError("bank_500", "out of order");
    return id;
  };
  return { seen, call };
}

/** A job type whose jobs call a dependency of its own; `extra` shares the queue without calling it. */
async function start(name: string, extra = false) {
  const { seen, call } = provider();
  const bank = dependency(`bank-${name}`, { breaker: { probeAfterMs: PROBE_MS } });
  const Work = defineJob(`${name}.work`, { payload, priority: "high", attempts: 3, backoff: [1_000] });
  const Other = defineJob(`${name}.other`, { payload, priority: "high" });
  const work = handle(Work, { effects: "keyed", uses: [bank], perform: call });
  const other = handle(Other, { effects: "keyed", perform: async () => "fine" });
  await engine.consume(name, extra ? [work, other] : [work]);
  return { seen, Work, Other, gate: `breaker: bank-${name}` };
}

/** A job type with two queues whose jobs call a dependency of its own; another shares them, so that they go on being consumed. */
function ranked(name: string) {
  const { seen, call } = provider();
  const bank = dependency(`bank-${name}`, { breaker: { probeAfterMs: PROBE_MS } });
  const ranks = { payload, priority: "low", priorities: ["high", "low"], backoff: [0] } as const;
  const Work = defineJob(`${name}.work`, { ...ranks, attempts: 20 });
  const Other = defineJob(`${name}.other`, { ...ranks, attempts: 1 });
  const handlers = [
    handle(Work, { effects: "keyed", uses: [bank], perform: call }),
    handle(Other, { effects: "keyed", perform: async () => "fine" }),
  ];
  return { seen, Work, handlers, gate: `breaker: bank-${name}` };
}

async function addMany(Work: Parameters<typeof enqueueMany>[1], count: number): Promise<string[]> {
  return enqueueMany(
    engine.db,
    Work,
    Array.from({ length: count }, () => ({ payload: {} })),
  );
}

test("ten minutes of an open breaker under load: no attempt, one extra delivery each, one probe at a time, others unhindered", async () => {
  const { seen, Work, Other, gate } = await start("long", true);
  await addMany(Work, 12);
  await gateReaches(engine, gate, "shut");
  await allReach(engine, Work.type, "held");
  const before = await jobsOf(engine, Work.type);
  expect(before.every((job) => job.waits_for === gate)).toBe(true);
  expect((await gateOf(engine, gate))?.reason).toMatch(/failed calls/);
  seen.most = 0;
  for (let minute = 0; minute < 10; minute += 1) {
    const calls = seen.calls;
    await addMany(Work, 3);
    await engine.reaches(await add(engine, Other, {}), "completed");
    await advance(PROBE_MS);
    await gateReaches(engine, gate, "probing");
    await addMany(Work, 3);
    await eventually("the probe", async () => seen.calls === calls + 1);
    await gateReaches(engine, gate, "shut");
  }
  const during = await allReach(engine, Work.type, "held");
  expect(seen.most).toBe(1);
  expect(during).toHaveLength(72);
  expect(during.slice(0, 12).map((job) => job.attempt)).toEqual(before.map((job) => job.attempt));
  expect(during.slice(12).every((job) => job.attempt === 0)).toBe(true);

  seen.down = false;
  await advance(PROBE_MS);
  const after = await allReach(engine, Work.type, "completed");
  // Sent once, held, sent once more: two hand-overs and the number that made the first one stale.
  expect(after.slice(12).map((job) => job.send)).toEqual(after.slice(12).map(() => 3));
  expect(after.slice(0, 12).map((job) => job.send)).toEqual(before.map((job) => job.send + 1));
  expect(new Set(seen.ids.slice(-72)).size).toBe(72);
  await advance(5_000);
  await gateReaches(engine, gate, "none");
});

test("when nothing fresh comes, the most urgent of the held is the probe, and the rest follows by number", async () => {
  const { seen, Work, handlers, gate } = ranked("rank");
  await engine.consume("rank", handlers, { high: 1, low: 1 });
  const low = await addMany(Work, 6);
  await gateReaches(engine, gate, "shut");
  const high = await add(engine, Work, {}, { priority: "high" });
  await allReach(engine, Work.type, "held");
  seen.down = false;
  seen.ids.length = 0;
  await advance(PROBE_MS);
  await allReach(engine, Work.type, "completed");
  expect(seen.ids).toEqual([high, ...low]);
});

test("while every type of a queue waits, its deliveries stay in RabbitMQ and cost nothing", async () => {
  const { seen, Work, gate } = await start("still");
  await addMany(Work, 12);
  await gateReaches(engine, gate, "shut");
  const early = await eventually("the first to be back in RabbitMQ or held", async () => {
    const jobs = await jobsOf(engine, Work.type);
    const held = jobs.filter((job) => job.state === "held").length;
    return (await engine.broker.count("still.high")) === jobs.length - held && jobs;
  });
  const later = await addMany(Work, 20);
  await eventually("all to be in RabbitMQ or held", async () => {
    const held = early.filter((job) => job.state === "held").length;
    return (await engine.broker.count("still.high")) === 32 - held;
  });
  const sendsOf = (jobs: readonly { id: string; send: number }[]) =>
    jobs.filter((job) => later.includes(job.id)).map((job) => job.send);
  expect(sendsOf(await jobsOf(engine, Work.type))).toEqual(later.map(() => 1));
  seen.down = false;
  await advance(PROBE_MS);
  const done = await allReach(engine, Work.type, "completed");
  // One that comes while the probe is still under way is held after all.
  expect(Math.max(...sendsOf(done))).toBeLessThanOrEqual(2);
});

test("an answer of the business neither opens a breaker nor closes one", async () => {
  const seen = { fails: "declined" as "declined" | "broken" | "no" };
  const bank = dependency("bank-business", { breaker: { probeAfterMs: PROBE_MS } });
  const Work = defineJob("business.work", { payload, priority: "high", attempts: 1, backoff: [] });
  const perform = async () => {
    if (seen.fails === "declined") throw new PermanentError("declined", "no money");
    if (seen.fails === "broken") throw new RetryableError("bank_500", "out of order");
  };
  await engine.consume("business", [handle(Work, { effects: "keyed", uses: [bank], perform })]);
  const gate = "breaker: bank-business";
  await addMany(Work, 20);
  await allReach(engine, Work.type, "dead_lettered");
  expect(await gateOf(engine, gate)).toBeUndefined();

  // More failures than refusals were counted, had they been.
  seen.fails = "broken";
  await addMany(Work, 11);
  await gateReaches(engine, gate, "shut");
  const waiting = await addMany(Work, 2);
  seen.fails = "declined";
  await advance(PROBE_MS);
  // The first probe is declined, which says nothing; so is the second.
  for (const id of waiting) await engine.reaches(id, "dead_lettered");
  expect((await gateOf(engine, gate))?.state).toBe("probing");
  seen.fails = "no";
  await engine.reaches(await add(engine, Work, {}), "completed");
  await gateReaches(engine, gate, "releasing", "none");
});

test("a probe that is lost with its process is followed by another", async () => {
  const { seen, Work, gate } = await start("lost");
  await addMany(Work, 12);
  await gateReaches(engine, gate, "shut");
  seen.down = false;
  await sql`
    update duly.gates set state = 'probing', probe = gen_random_uuid(), until = duly.now() + interval '90 s'
    where name = ${gate}`.execute(engine.db);
  const later = await add(engine, Work, {});
  expect(await engine.reaches(later, "held")).toMatchObject({ attempt: 0, waits_for: gate });
  await advance(91_000);
  await allReach(engine, Work.type, "completed");
});

test("a probe that waits in a long queue does not keep the next delivery from finding out", async () => {
  const { seen, Work, handlers, gate } = ranked("behind");
  const both = await engine.consume("behind", handlers);
  await addMany(Work, 12);
  await gateReaches(engine, gate, "shut");
  await allReach(engine, Work.type, "held");
  await both.stop();
  seen.down = false;
  await advance(PROBE_MS);
  await gateReaches(engine, gate, "probing");
  await advance(1_000);
  await eventually("a held job to be sent", async () =>
    (await jobsOf(engine, Work.type)).some(({ state }) => state === "queued"),
  );
  await engine.consume("behind", handlers, {}, { PRIORITIES: "high" });
  const fresh = await add(engine, Work, {}, { priority: "high" });
  expect(await engine.reaches(fresh, "completed")).toMatchObject({ send: 1 });
  await gateReaches(engine, gate, "releasing", "none");
});

test("the job of a probe whose process died is the probe of whoever takes it over", async () => {
  const bank = dependency("bank-heir", { breaker: { probeAfterMs: PROBE_MS } });
  const Work = defineJob("heir.work", { payload, priority: "high" });
  const queue = await declareQueueOf(engine, "heir", Work);
  const id = await add(engine, Work, {});
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id, true);
  await engine.broker.handBack(queue);
  const gate = "breaker: bank-heir";
  await sql`
    insert into duly.gates (name, kind, state, since, until, probe_after_ms, probe)
    values (${gate}, 'breaker', 'probing', duly.now(), duly.now() + interval '90 s', ${PROBE_MS}, ${id})
  `.execute(engine.db);
  await engine.consume("heir", [
    handle(Work, { effects: "keyed", uses: [bank], perform: async () => "fine" }),
  ]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, send: 1 });
  await gateReaches(engine, gate, "releasing", "none");
});
