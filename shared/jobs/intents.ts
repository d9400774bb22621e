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

/** Closes an intent that certainly had no effect and opens the next one. Returns its number. */
export async function nextIntent(
  db: QueryExecutorProvider,
  intent: { readonly jobId: string; readonly number: number },
): Promise<number> {
  const next = intent.number + 1;
  await sql`
    with closed as (
      update duly.intents set outcome = 'refused' where job_id = ${intent.jobId} and number = ${intent.number}
    )
    insert into duly.intents (job_id, number, outcome, made_at) values (${intent.jobId}, ${next}, 'unknown', duly.now())
  `.execute(db);
  return next;
}
