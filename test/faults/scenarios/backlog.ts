import { sql } from "kysely";
import { type Database, enqueueMany } from "#shared/index.ts";
import type { Round, Scenario } from "../scenario.ts";
import { Slow } from "../service/kinds.ts";
import { MemoryPeaks } from "../world/memory-peaks.ts";
import { setPace } from "../world/notebook.ts";
import { comesDown } from "../world/wait.ts";

const JOBS = 1_000_000;
const QUICK_JOBS = 5_000;
const TOGETHER = 10_000;
/** A group of a hundred takes so long at first: some hundred jobs a second. */
const SLOW_MS = 500;
const QUICK_SLOW_MS = 50;
const MOST_MB = 150;
/** How long no job may be done until the rest counts as lost. */
const PATIENCE_MS = 150_000;

/** A million jobs that come faster than their consumers take them, until they lie in RabbitMQ; then these hurry. */
export const backlog: Scenario = {
  name: "backlog",
  what: `${JOBS} jobs before slow consumers: memory of relays and consumers stays below ${MOST_MB} MB`,
  rounds: 1,
  load: { perSecond: 20 },
  inject: async (round) => {
    const { world, quick, tell } = round;
    const wanted = quick ? QUICK_JOBS : JOBS;
    const own = `${round.name} backlog`;
    const beganAt = new Date();
    const peaks = new MemoryPeaks({ relay: world.processes.relay, consumer: world.processes.consumer });
    await setPace(world.db, quick ? QUICK_SLOW_MS : SLOW_MS);
    const enqueueing = performance.now();
    for (let given = 0; given < wanted; given += TOGETHER)
      await commit(world.db, own, Math.min(TOGETHER, wanted - given));
    round.did("backlog enqueued");
    const seconds = (performance.now() - enqueueing) / 1000;
    tell(`${wanted} jobs committed, ${Math.round(wanted / seconds)} a second`);
    await comesDown(0, () => countUnsent(world.db), PATIENCE_MS);
    const before = await countDone(world.db, own);
    tell(`all published, ${wanted - before} of them wait in RabbitMQ; the consumers hurry from now on`);
    await setPace(world.db, 0);
    await comesDown(0, async () => wanted - (await countDone(world.db, own)), PATIENCE_MS);
    for (const [role, megabytes] of peaks.stop())
      round.measured({ name: `${role} peak memory`, value: megabytes, unit: "MB", most: MOST_MB });
    round.measured({ name: "backlog in RabbitMQ", value: wanted - before, unit: "jobs" });
    round.judges(() => judgeBacklog(round, own, wanted, beganAt));
  },
};

async function commit(db: Database, own: string, count: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const payload = { round: own };
    const jobs = await enqueueMany(
      trx,
      Slow,
      Array.from({ length: count }, () => ({ payload })),
    );
    await sql`insert into lab.committed (job, round, kind, failures, hopeless)
      select job, ${own}, 'slow', 0, false from unnest(${jobs}::uuid[]) as added(job)`.execute(trx);
  });
}

async function countUnsent(db: Database): Promise<number> {
  const result = await sql<{ unsent: number }>`
    select count(*)::int as unsent from duly.outbox where lane = 'batch'`.execute(db);
  return result.rows[0]?.unsent ?? 0;
}

async function countDone(db: Database, own: string): Promise<number> {
  const result = await sql<{ done: number }>`
    select count(*)::int as done from lab.effects where round = ${own}`.execute(db);
  return result.rows[0]?.done ?? 0;
}

// Counted where they are: a million fates would be more memory than the processes may take.
async function judgeBacklog({ world, measured }: Round, own: string, wanted: number, since: Date) {
  const found = await sql<{
    committed: number;
    unfinished: number;
    missing: number;
    twice: number;
    retried: number;
  }>`
    with counted as (
      select c.job, coalesce(j.state, h.state)::text as state, coalesce(j.attempt, h.attempt) as attempts,
        coalesce(e.effects, 0) as effects
      from lab.committed c left join duly.jobs j on j.id = c.job left join duly.jobs_history h on h.id = c.job
        left join (select job, count(*) as effects from lab.effects where round = ${own} group by job) e on e.job = c.job
      where c.round = ${own})
    select count(*)::int as committed, (count(*) filter (where state is distinct from 'completed'))::int as unfinished,
      (count(*) filter (where state = 'completed' and effects = 0))::int as missing,
      (count(*) filter (where effects > 1))::int as twice,
      (count(*) filter (where state = 'completed' and attempts <> 1))::int as retried
    from counted`.execute(world.db);
  const { committed, unfinished, missing, twice, retried } = found.rows[0] ?? never();
  const resent = await sql<{ jobs: number }>`
    select coalesce(sum(jobs), 0)::int as jobs from duly.repairs
    where kind = 'stragglers' and made_at >= ${since}`.execute(world.db);
  measured({ name: "sent again by the sweep", value: resent.rows[0]?.jobs ?? 0, unit: "jobs", most: 0 });
  const each = (count: number, what: string) =>
    Array.from({ length: count }, () => `a job of the backlog ${what}`);
  return {
    committed,
    lost: [
      ...each(wanted - committed, "is not there"),
      ...each(unfinished, "has not come to its end"),
      ...each(missing, "was completed without its row"),
    ],
    duplicates: each(twice, "wrote more than once"),
    wrongEnds: each(retried, "took more than one attempt"),
  };
}

function never(): never {
  throw new Error("a count has one row");
}
