import { type QueryExecutorProvider, sql } from "kysely";
import type { IntentOutcome } from "./take-job.ts";

/**
 * Notes what became known of an intent. A packed receipt is kept with `applied` when only recording failed, so that the
 * effect need not be asked for or made again.
 */
export async function noteIntent(
  trx: QueryExecutorProvider,
  intent: { readonly jobId: string; readonly number: number },
  outcome: IntentOutcome,
  receipt?: Buffer,
): Promise<void> {
  await sql`
    update duly.intents set outcome = ${outcome}::duly.intent_outcome, receipt = coalesce(${receipt ?? null}, receipt)
    where job_id = ${intent.jobId} and number = ${intent.number}
  `.execute(trx);
}

/**
 * Closes an intent that certainly had no effect and opens the next one; repeating it changes nothing.
 *
 * @returns the next one's number, or undefined when the job's claim has moved on: it is another's by now.
 */
export async function nextIntent(
  db: QueryExecutorProvider,
  job: { readonly id: string; readonly claim: number },
  number: number,
): Promise<number | undefined> {
  const opened = await sql<{ number: number }>`
    with held as (
      select id from duly.jobs where id = ${job.id} and claim = ${job.claim} and state = 'running'
    ), closed as (
      update duly.intents i set outcome = 'refused' from held where i.job_id = held.id and i.number = ${number}
    )
    insert into duly.intents (job_id, number, outcome, made_at)
    select id, ${number + 1}::integer, 'unknown', duly.now() from held
    on conflict (job_id, number) do update set outcome = 'unknown'
    returning number
  `.execute(db);
  return opened.rows[0]?.number;
}
