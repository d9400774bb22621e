import { type QueryExecutorProvider, sql } from "kysely";
import type { TakenJob } from "./take-job.ts";

/**
 * Gives a running job back under the same send, so that whoever gets its delivery next takes it at once. Writes only
 * under the claim that ran; the next claim gets another number. No attempt is spent.
 *
 * What had not begun leaves its intent as it was: a request that this claim never made puts nothing in doubt.
 */
export async function giveBackJob(
  db: QueryExecutorProvider,
  { id, claim, intent_number, intent_before }: TakenJob,
  begun: boolean,
): Promise<void> {
  const untouched = !begun && (intent_before === null || intent_before === "unsent");
  await sql`
    with given as (
      update duly.jobs set state = 'queued', holder = null where id = ${id} and claim = ${claim} and state = 'running'
      returning id
    )
    update duly.intents i set outcome = 'unsent' from given
    where ${untouched} and i.job_id = given.id and i.number = ${intent_number} and i.outcome = 'unknown'
  `.execute(db);
}
