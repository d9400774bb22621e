import { type QueryExecutorProvider, sql } from "kysely";
import { endLoneRun } from "./lone-runs.ts";

/**
 * What came of sending a letter's job again: `replayed` · `closed` it had been settled already · `superseded` another
 * unfinished job has its unique key by now · `no_job` there is none behind it · `unknown` there is no such letter.
 */
export type Replay = "replayed" | "closed" | "superseded" | "no_job" | "unknown";

/**
 * Closes an open letter and sends its job again, with all its attempts anew and the deaths of its processes forgotten;
 * one with an ordering key joins its line. The intents stay, so an effect in doubt is asked about before anything is
 * tried.
 */
export async function replayLetter(trx: QueryExecutorProvider, letterId: string): Promise<Replay> {
  const found = await sql<{ jobId: string | null; open: boolean }>`
    select job_id as "jobId", closed_at is null as open from duly.dead_letters where id = ${letterId} for update
  `.execute(trx);
  const letter = found.rows[0];
  if (letter === undefined) return "unknown";
  if (!letter.open) return "closed";
  if (letter.jobId === null) return "no_job";
  const job = await sql<{ type: string; uniqueKey: string | null }>`
    select type, unique_key as "uniqueKey" from duly.jobs
    where id = ${letter.jobId} and state = 'dead_lettered' for no key update
  `.execute(trx);
  const row = job.rows[0];
  if (row === undefined) return "no_job";
  if (row.uniqueKey !== null && !(await takeKey(trx, row.type, row.uniqueKey, letter.jobId)))
    return "superseded";
  await endLoneRun(trx, letter.jobId);
  await sql`
    with closed as (
      update duly.dead_letters set closed_at = duly.now() where id = ${letterId}
    )
    select duly.send_again(array[${letter.jobId}::uuid], fresh => true)
  `.execute(trx);
  return "replayed";
}

/** Queues a further parked copy of a letter that stays open, in place of one that was moved away. */
export async function parkAgain(trx: QueryExecutorProvider, letterId: string): Promise<void> {
  await sql`
    with counted as (
      update duly.dead_letters set copy = copy + 1 where id = ${letterId} and closed_at is null returning id
    ), outgoing as (
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from counted
    )
    select duly.wake_relay('{letter}')
  `.execute(trx);
}

async function takeKey(
  trx: QueryExecutorProvider,
  type: string,
  key: string,
  jobId: string,
): Promise<boolean> {
  const taken = await sql`
    insert into duly.unique_keys (type, key, job_id) values (${type}, ${key}, ${jobId})
    on conflict (type, key) do update set job_id = excluded.job_id where unique_keys.job_id = excluded.job_id
    returning 1
  `.execute(trx);
  return taken.rows.length > 0;
}
