import { type QueryExecutorProvider, sql } from "kysely";
import { SILENT } from "./silence.ts";

/** A process that ran a job alone: `gone` it signed off · `silent` no heartbeat for 30 s · `maybe` it may live. */
export type FormerRun = "gone" | "silent" | "maybe";

/** The note of a job that runs alone on its queue. */
export interface LoneRun {
  readonly instance: string;
  /** Processes known to have died while they ran this job and nothing else of its queue. */
  readonly deaths: number;
  readonly former: FormerRun;
  /** Until a process that may live counts as silent, unless it beats again. */
  readonly silentInMs: number;
}

/** Reads and locks the note of a job; undefined when no process has run it alone yet. */
export async function findLoneRun(trx: QueryExecutorProvider, jobId: string): Promise<LoneRun | undefined> {
  const found = await sql<LoneRun>`
    select l.instance, l.deaths,
      case when c.instance is null then 'gone' when c.seen_at <= duly.now() - ${SILENT} then 'silent' else 'maybe' end
        as former,
      greatest(0, coalesce(extract(epoch from c.seen_at + ${SILENT} - duly.now()), 0))::float8 * 1000 as "silentInMs"
    from duly.lone_runs l left join duly.consumers c on c.instance = l.instance
    where l.job_id = ${jobId} for update of l
  `.execute(trx);
  return found.rows[0];
}

/** Notes that a process is about to run a job alone; the commit of this comes before the run. */
export async function noteLoneRun(
  trx: QueryExecutorProvider,
  run: { readonly jobId: string; readonly queue: string; readonly instance: string; readonly deaths: number },
): Promise<void> {
  await sql`
    insert into duly.lone_runs (job_id, queue, instance, deaths, noted_at)
    values (${run.jobId}, ${run.queue}, ${run.instance}, ${run.deaths}, duly.now())
    on conflict (job_id) do update set queue = excluded.queue, instance = excluded.instance, deaths = excluded.deaths,
      noted_at = excluded.noted_at
  `.execute(trx);
}

/**
 * Strikes the note out: the job is no longer suspected of anything, for its process has outlived it, or a person wants
 * it tried anew.
 */
export async function endLoneRun(db: QueryExecutorProvider, jobId: string): Promise<void> {
  await sql`
    with cleared as (
      update duly.jobs set crashes = 0 where id = ${jobId} and crashes > 0
    )
    delete from duly.lone_runs where job_id = ${jobId}
  `.execute(db);
}

/**
 * Which of the queues have had a lone run in the last ten minutes that has not ended. Forgets notes of jobs that have
 * come to their end another way: their process died in between, and the next one did not have to run them alone.
 */
export async function queuesWithLoneRuns(
  db: QueryExecutorProvider,
  queues: readonly string[],
): Promise<Set<string>> {
  await sql`
    delete from duly.lone_runs l where not exists (select from duly.jobs j
      where j.id = l.job_id and j.state not in ('completed', 'dead_lettered', 'cancelled'))
  `.execute(db);
  const found = await sql<{ queue: string }>`
    select distinct queue from duly.lone_runs
    where queue = any(${queues}::text[]) and noted_at > duly.now() - interval '10 minutes'
  `.execute(db);
  return new Set(found.rows.map(({ queue }) => queue));
}
