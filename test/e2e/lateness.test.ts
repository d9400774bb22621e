import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, handle } from "#shared/index.ts";
import { useEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { useWaitForDisk } from "../support/wait-for-disk.ts";

useWaitForDisk();
const engine = useEngine();

const Chime = defineJob("test.chime", { payload: z.object({ place: z.string() }), priority: "high" });
const JOBS = 200;
const called = new Map<string, number>();

beforeAll(async () => {
  await engine.startRelay();
  await engine.startScheduler();
  await engine.consume("clock", [
    handle(Chime, {
      effects: "keyed",
      perform: async ({ payload }) => {
        called.set(payload.place, Date.now());
      },
    }),
  ]);
});

/** The least lateness of all tries: a retry must not hide an early start. */
let least = Number.POSITIVE_INFINITY;

// Tried again, for other work on the machine can take the processor away.
test("200 jobs due at scattered times start at p50 within 10 ms and p99 within 50 ms", {
  retry: 5,
}, async () => {
  const run = randomUUID();
  const first = Date.now() + 1_000;
  // Scattered over 6 s, without a common step: the golden ratio's multiples.
  const dues = Array.from({ length: JOBS }, (_, place) => ({
    place: `${run}/${place}`,
    due: first + Math.round(((place * 0.618_034) % 1) * 6_000),
  }));
  await engine.db.transaction().execute((trx) =>
    enqueueMany(
      trx,
      Chime,
      dues.map(({ place, due }) => ({ payload: { place }, runAt: new Date(due) })),
    ),
  );
  await eventually(
    "all handlers to be called",
    async () => dues.every(({ place }) => called.has(place)),
    20_000,
  );
  const lateness = dues
    .map(({ place, due }) => (called.get(place) ?? Number.NaN) - due)
    .toSorted((a, b) => a - b);
  const at = (share: number) => lateness[Math.min(JOBS - 1, Math.floor(share * JOBS))] ?? Number.NaN;
  console.log(
    `lateness in ms: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, least ${at(0)}, most ${at(1)}`,
  );
  least = Math.min(least, at(0));
  expect(least).toBeGreaterThanOrEqual(0);
  expect(at(0.5)).toBeLessThanOrEqual(10);
  expect(at(0.99)).toBeLessThanOrEqual(50);
  await eventually("every job to have ended with its first attempt", async () => {
    const ended = await sql<{ count: string }>`
      select count(*) from duly.jobs
      where state = 'completed' and attempt = 1 and starts_with(payload ->> 'place', ${run})
    `.execute(engine.db);
    return Number(ended.rows[0]?.count) === JOBS;
  });
});
