import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { OwnVerdict, Round, Scenario } from "../scenario.ts";
import { commitJobs, type LabJob } from "../world/load.ts";
import { countOpen } from "../world/notebook.ts";
import { until } from "../world/wait.ts";

const JOBS = 10_000;
const QUICK_JOBS = 500;
const BLOCKS = 5;
/** Below half of what two cores do: it is not the queue that is to be measured. */
const PER_SECOND = 150;
const QUICK_PER_SECOND = 50;
const STEP_MS = 50;
const DRAIN_MS = 120_000;
const SHARE = 0.01;
/** A p99 above is that of a machine with too much else to do, and compares nothing. */
const IDLE_MS = 1_000;
/** More than a job has attempts. */
const ALWAYS = 1_000;

/** One block of jobs, with failing ones among them or not. */
interface Block {
  readonly failing: boolean;
  readonly from: Date;
  readonly to: Date;
}

/**
 * Blocks of jobs in turn, with and without 1 % that fail each time or for good. All of these become dead letters with
 * exact attempts, and the others are as fast as without.
 */
export const failingJobs: Scenario = {
  name: "failing-jobs",
  what: `${JOBS} jobs with 1 % that never succeed and ${JOBS} without, in turn: how long the healthy ones take`,
  rounds: 2,
  load: { perSecond: 0 },
  inject: async (round) => {
    const jobs = (round.quick ? QUICK_JOBS : JOBS) / BLOCKS;
    const blocks: Block[] = [];
    for (let block = 0; block < 2 * BLOCKS; block += 1) {
      // With, without, without, with: neither has the younger tables.
      const failing = block % 4 === 0 || block % 4 === 3;
      blocks.push(await giveBlock(round, jobs, failing));
    }
    // The quick run has others beside it, that kill and break.
    if (round.quick) return;
    await measure(round, blocks);
    round.judges(() => judgeLetters(round));
  },
};

async function giveBlock(round: Round, count: number, failing: boolean): Promise<Block> {
  const { world, name, random, quick } = round;
  const perSecond = quick ? QUICK_PER_SECOND : PER_SECOND;
  const from = new Date();
  for (let given = 0; given < count; await sleep(STEP_MS)) {
    const due = Math.min(count, Math.ceil(((Date.now() - from.getTime()) / 1000) * perSecond));
    const jobs = Array.from({ length: due - given }, () => oneJob(round, failing && random.chance(SHARE)));
    await commitJobs(world.db, name, jobs);
    for (const { payload } of jobs) if (payload.hopeless || payload.failures > 0) round.did("failing job");
    given = due;
  }
  const to = new Date();
  if (!quick) await until(async () => (await countOpen(world.db, name)) === 0, DRAIN_MS);
  return { failing, from, to };
}

function oneJob({ name, random }: Round, fails: boolean): LabJob {
  const kind = random.chance(0.2) ? "keyed" : random.chance(0.7) ? "group" : "row";
  const hopeless = fails && random.chance(0.3);
  const failures = fails && !hopeless ? ALWAYS : 0;
  return { kind, payload: { round: name, failures, hopeless, delayMs: random.between(0, 40) } };
}

async function measure({ world, name, measured, tell }: Round, blocks: readonly Block[]): Promise<void> {
  const result = await sql<{ kind: string | null; failing: boolean; p50: number; p99: number }>`
    with healthy as (
      select c.kind, b.failing,
        extract(epoch from e.at - coalesce(j.enqueued_at, h.enqueued_at)) * 1000 as took
      from lab.committed c join lab.effects e on e.job = c.job and e.what = 'done'
        left join duly.jobs j on j.id = c.job left join duly.jobs_history h on h.id = c.job
        join unnest(${blocks.map(({ from }) => from)}::timestamptz[], ${blocks.map(({ to }) => to)}::timestamptz[],
          ${blocks.map(({ failing }) => failing)}::boolean[]) as b(since, until, failing)
          on coalesce(j.enqueued_at, h.enqueued_at) between b.since and b.until
      where c.round = ${name} and c.failures = 0 and not c.hopeless)
    select kind, failing, percentile_cont(0.5) within group (order by took) as p50,
      percentile_cont(0.99) within group (order by took) as p99
    from healthy group by grouping sets ((failing), (kind, failing)) order by kind nulls last, failing
  `.execute(world.db);
  for (const { kind, failing, p50, p99 } of result.rows)
    tell(
      `${kind ?? "all"} ${failing ? "with" : "without"} 1 %: p50 ${p50.toFixed(1)} p99 ${p99.toFixed(1)} ms`,
    );
  const p99 = (failing: boolean) =>
    result.rows.find((row) => row.kind === null && row.failing === failing)?.p99 ?? Number.NaN;
  measured({ name: "p99 without failing jobs", value: p99(false), unit: "ms", most: IDLE_MS });
  measured({ name: "p99 with 1 % failing jobs", value: p99(true), unit: "ms" });
  measured({ name: "p99 with 1 % ÷ without", value: p99(true) / p99(false), unit: "×", most: 1.5 });
}

// Nobody dies here, so that outside effects have exact attempts too.
async function judgeLetters({ world, name }: Round): Promise<OwnVerdict> {
  const wrong = await sql<{ job: string; kind: string; attempts: number | null; letter: string | null }>`
    select job, kind, attempts, letter from lab.fates
    where round = ${name} and (hopeless or failures > 0)
      and (letter, attempts, letters) is distinct from
        (case when hopeless then 'permanent_error' else 'attempts_exhausted' end, case when hopeless then 1 else most_attempts end, 1)
  `.execute(world.db);
  const wrongEnds = wrong.rows.map(
    ({ job, kind, attempts, letter }) => `${job}: ${kind} job, ${letter} after ${attempts} attempts`,
  );
  return { committed: 0, lost: [], duplicates: [], wrongEnds };
}
