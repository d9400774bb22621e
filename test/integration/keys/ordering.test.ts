import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  cancel,
  defineJob,
  enqueue,
  enqueueMany,
  handle,
  PermanentError,
  RetryableError,
  UnreachableError,
} from "#shared/index.ts";
import { pause } from "#shared/time/pause.ts";
import { type Running, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const Item = z.object({ line: z.string(), n: z.int(), fate: z.string() });
const Carry = defineJob("test.carry", {
  payload: Item,
  priority: "high",
  priorities: ["high", "batch"],
  attempts: 3,
  backoff: [30],
  onDeadLetter: "continue",
});
const Jot = defineJob("test.jot", { payload: Item, attempts: 3, backoff: [30], onDeadLetter: "continue" });
const FATES = ["ok", "ok", "ok", "fails once", "gives up", "ok", "ok", "fails always"];

const engine = useEngine();
/** What ran in each line, in the order in which it began. */
const runs = new Map<string, number[]>();
const busy = new Map<string, number>();
const overlaps: string[] = [];
let seed = 20_261_122;

function random(below: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((seed / 2_147_483_648) * below);
}

async function run({ line, n, fate }: z.infer<typeof Item>, attempt: number): Promise<void> {
  if (busy.has(line)) overlaps.push(`${line}: ${busy.get(line)} and ${n}`);
  busy.set(line, n);
  runs.set(line, [...(runs.get(line) ?? []), n]);
  await pause(1 + random(4), new AbortController().signal);
  busy.delete(line);
  const isFirst = runs.get(line)?.filter((one) => one === n).length === 1;
  if (fate === "fails always" || (fate === "fails once" && attempt === 1))
    throw new RetryableError("once_more", "not this time", { effect: "none" });
  if (fate === "gives up") throw new PermanentError("never", "it cannot be done");
  if (fate === "waits once" && isFirst) throw new UnreachableError("nowhere", "nobody is there");
}

const schedulers: Running[] = [];
beforeAll(async () => {
  await engine.startRelay();
  const carry = handle(Carry, {
    effects: "keyed",
    perform: ({ payload, job }) => run(payload, job.attempt),
  });
  const jot = handle(Jot, { record: (_trx, _receipt, { payload, job }) => run(payload, job.attempt) });
  await engine.consume("carrier", [carry, jot]);
  await engine.consume("carrier", [carry, jot]);
});

async function allEnd(): Promise<void> {
  const look = async () => {
    const open = await sql<{ count: number }>`
      select count(*)::int as count from duly.jobs where state not in ('completed', 'dead_lettered', 'cancelled')
    `.execute(engine.db);
    return open.rows[0]?.count === 0;
  };
  await eventually("every job to end", look, 25_000);
}

/** The order in which a line's jobs ran, several attempts of one in a row counted once. */
function orderOf(line: string): number[] {
  return (runs.get(line) ?? []).filter((n, place, all) => all[place - 1] !== n);
}

test("lines keep their order through retries, holds, dead letters, cancelling and the end of a promoter", async () => {
  const lines = Array.from({ length: 15 }, (_, place) => `line ${place}`);
  const due = new Date(Date.now() - 60_000);
  const ids = new Map<string, string[]>();
  for (const line of lines) {
    const items = Array.from({ length: 16 }, (_, n) => ({
      payload: { line, n, fate: n === 5 ? "waits once" : (FATES[random(FATES.length)] ?? "ok") },
      orderingKey: line,
      runAt: random(3) === 0 ? new Date(due.getTime() + n) : due,
      uniqueKey: random(4) === 0 ? `${line} ${n}` : undefined,
    }));
    // Due in another order than they were enqueued: backwards in time, and two types in one line.
    const half = items.length / 2;
    const carried = items.slice(0, half).map((item, place) => ({
      ...item,
      runAt: new Date(due.getTime() + 1_000 - place),
      priority: place % 2 === 0 ? ("batch" as const) : ("high" as const),
    }));
    ids.set(line, [
      ...(await enqueueMany(engine.db, Carry, carried)),
      ...(await enqueueMany(engine.db, Jot, items.slice(half))),
    ]);
  }
  schedulers.push(await engine.startScheduler(), await engine.startScheduler());
  const cancelled = new Map<string, Set<number>>();
  for (const [line, ofLine] of ids) {
    const outcomes = await Promise.all(
      [7, 11, 14].map(async (n) => ({ n, said: await cancel(engine.db, ofLine[n] ?? "", "not needed") })),
    );
    cancelled.set(line, new Set(outcomes.filter(({ said }) => said === "cancelled").map(({ n }) => n)));
  }
  await schedulers.shift()?.stop();
  await allEnd();

  const planned = await sql<{ line: string; order: number[] }>`
    select ordering_key as line, array_agg((payload ->> 'n')::int order by run_at, number) as order
    from duly.jobs where starts_with(ordering_key, 'line ') group by 1`.execute(engine.db);
  expect(planned.rows).toHaveLength(lines.length);
  for (const { line, order } of planned.rows) {
    const kept = (n: number) => !(cancelled.get(line)?.has(n) ?? false);
    expect([line, orderOf(line).filter(kept)]).toEqual([line, order.filter(kept)]);
  }
  expect(overlaps).toEqual([]);
  const letters = await sql<{ count: number }>`select count(*)::int as count from duly.dead_letters`.execute(
    engine.db,
  );
  expect(letters.rows[0]?.count).toBeGreaterThan(15);
  const keys = await sql`select from duly.unique_keys`.execute(engine.db);
  expect(keys.rows).toHaveLength(0);
  await Promise.all(schedulers.splice(0).map((scheduler) => scheduler.stop()));
});

test("jobs enqueued one after the other while the line moves run in that order, rolled back ones left out", async () => {
  const scheduler = await engine.startScheduler();
  const committed = new Map<string, number[]>();
  const producers = Array.from({ length: 6 }, async (_, place) => {
    const line = `live ${place}`;
    for (let n = 0; n < 15; n += 1) {
      const lost = random(4) === 0;
      const definition = random(2) === 0 ? Carry : Jot;
      const fate = random(6) === 0 ? "fails once" : "ok";
      const adding = engine.db.transaction().execute(async (trx) => {
        await enqueue(trx, definition, { line, n, fate }, { orderingKey: line });
        if (lost) throw new Error("rolled back");
      });
      const kept = await adding.then(
        () => [n],
        () => [],
      );
      expect(kept).toHaveLength(lost ? 0 : 1);
      committed.set(line, [...(committed.get(line) ?? []), ...kept]);
    }
  });
  await Promise.all(producers);
  await allEnd();
  for (const [line, order] of committed) expect([line, orderOf(line)]).toEqual([line, order]);
  expect(overlaps).toEqual([]);
  await scheduler.stop();
});
