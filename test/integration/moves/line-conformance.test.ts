import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterEach, expect, test } from "vitest";
import type { JobState } from "#shared/contracts/job-state.ts";
import { enqueue } from "#shared/index.ts";
import { cancelJob } from "#shared/jobs/cancel-job.ts";
import { complete } from "#shared/jobs/complete.ts";
import { promote } from "#shared/jobs/promote.ts";
import { replayLetter } from "#shared/jobs/replay-letter.ts";
import { unblockLine } from "#shared/jobs/unblock-line.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { decide, type Line, type Place, promoteLine } from "../../model/line.ts";
import { lineModel } from "../../model/line-model.ts";
import { search } from "../../model/search.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { holdOpen, lineOf, Step } from "../keys/line.ts";

/** The model of a line is held against the real promoter, and each change of a job against the signal that it leaves. */

const { db, open } = await serviceDatabase("steps", [Step]);
const others = open(2);
const error = { name: "E", message: "no" };

afterEach(async () => {
  await sql`truncate duly.jobs, duly.outbox, duly.line_signals, duly.dead_letters`.execute(db);
});

/** Of places at which nobody has a transaction open. */
const STATES: Readonly<Partial<Record<Place, JobState>>> = {
  blocked: "blocked",
  active: "queued",
  dead: "dead_lettered",
  done: "completed",
};

/** Every committed line that the search comes by, with signals. */
function reachedLines(): Line[] {
  const reached = new Map<string, Line>();
  const model = lineModel({ jobs: 3, faultCount: 2, without: new Set() });
  search({
    ...model,
    steps: (world) => {
      const { places, signals, promoters } = world;
      const isQuiet = promoters.length === 0 && places.every((place) => place === "none" || place in STATES);
      if (isQuiet && signals > 0) reached.set(JSON.stringify([places, signals]), { places, signals });
      return model.steps(world);
    },
  });
  return [...reached.values()];
}

/** Writes a line with an ordering key of its own, and gives the key. */
async function writeLine({ places, signals }: Line): Promise<string> {
  const key = randomUUID();
  for (const [at, place] of places.entries()) {
    const state = STATES[place];
    if (state === undefined) continue;
    await sql`
      insert into duly.jobs (id, type, service, priority, state, payload, send, max_attempts, timeout_ms, correlation_id,
        enqueued_at, run_at, ordering_key)
      values (duly.new_id(), ${Step.type}, 'steps', 'high', ${state}, ${JSON.stringify({ n: at })}::jsonb, 1, 3,
        60000, duly.new_id(), duly.now(), duly.now() + ${at} * interval '1 ms', ${key})
    `.execute(db);
  }
  await sql`delete from duly.line_signals where ordering_key = ${key}`.execute(db);
  await sql`
    insert into duly.line_signals (priority, ordering_key) select 'high', ${key} from generate_series(1, ${signals})
  `.execute(db);
  return key;
}

async function readLine(key: string, { places }: Line): Promise<Line> {
  const jobs = await sql<{ n: number; state: JobState }>`
    select (payload ->> 'n')::integer as n, state from duly.jobs where ordering_key = ${key}`.execute(db);
  const byPlace = new Map(jobs.rows.map(({ n, state }) => [n, state]));
  const known = Object.entries(STATES) as [Place, JobState][];
  return {
    places: places.map((_, at) => known.find(([, state]) => state === byPlace.get(at))?.[0] ?? "none"),
    signals: await signalsOf(key),
  };
}

async function signalsOf(key: string): Promise<number> {
  const signals = await sql`select from duly.line_signals where ordering_key = ${key}`.execute(db);
  return signals.rows.length;
}

test("a promoter makes of every line what the model's does", async () => {
  const lines = reachedLines();
  expect(lines.length).toBeGreaterThan(50);
  const keys: string[] = [];
  for (const line of lines) keys.push(await writeLine(line));
  await db.transaction().execute((trx) => promote(trx, 10_000));
  for (const [place, line] of lines.entries()) {
    const real = await readLine(keys[place]!, line);
    expect({ line, real }).toEqual({ line, real: promoteLine(line, line.signals, decide(line.places)) });
  }
});

test("a head that somebody has locked is left, with one signal in place of those that were taken", async () => {
  const line: Line = { places: ["blocked", "blocked"], signals: 3 };
  const key = await writeLine(line);
  const head = await sql<{ id: string }>`
    select id from duly.jobs where ordering_key = ${key} order by run_at limit 1`.execute(db);
  const end = await holdOpen(others, (trx) => cancelJob(trx, head.rows[0]!.id, "no"));
  try {
    await db.transaction().execute((trx) => promote(trx, 10_000));
    const expected = promoteLine(line, 3, decide(["leaving", "blocked"]));
    expect(await readLine(key, line)).toEqual(expected);
  } finally {
    await end("roll back");
  }
});

/** One job in a state, and what changes it. */
const CHANGES: readonly [string, Place, (id: string, key: string) => Promise<unknown>, string][] = [
  ["is committed", "none", (_, key) => enqueue(db, Step, { n: 0 }, { orderingKey: key }), "blocked"],
  ["is cancelled", "blocked", (id) => cancelJob(db, id, "no"), "cancelled"],
  [
    "ends",
    "active",
    (id) => complete(db, [{ id, send: 1, result: undefined, startedAt: new Date() }]),
    "completed",
  ],
  ["is left behind", "dead", (_, key) => unblockLine(db, key), "dead_lettered"],
  ["is replayed", "dead", (id) => replay(id), "blocked"],
];

async function replay(jobId: string): Promise<unknown> {
  const letter = await sql<{ id: string }>`
    insert into duly.dead_letters (id, job_id, service, type, reason, created_at)
    values (duly.new_id(), ${jobId}, 'steps', ${Step.type}, 'permanent_error', duly.now()) returning id
  `.execute(db);
  return db.transaction().execute((trx) => replayLetter(trx, letter.rows[0]!.id));
}

test.each(CHANGES)(
  "a job that %s leaves one signal, in its own transaction",
  async (_, place, change, state) => {
    const key = await writeLine({ places: [place], signals: 0 });
    const job = await sql<{ id: string }>`select id from duly.jobs where ordering_key = ${key}`.execute(db);
    await change(job.rows[0]?.id ?? "", key);
    expect(await lineOf(db, key)).toEqual([`0 ${state}`]);
    expect(await signalsOf(key)).toBe(1);
  },
);

test("a job that becomes a dead letter holds its line, and leaves no signal", async () => {
  const key = await writeLine({ places: ["active", "blocked"], signals: 0 });
  const job = await sql<{ id: string }>`select id from duly.jobs where active_key = ${key}`.execute(db);
  await writeLetters(db, [{ id: job.rows[0]!.id, attempts: 1 }], "permanent_error", error);
  expect(await signalsOf(key)).toBe(0);
});
