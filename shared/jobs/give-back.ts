import { type QueryExecutorProvider, sql } from "kysely";
import type { TakenJob } from "./take-job.ts";

/** What is given back. */
export interface GivenBack {
  /** Whether the handler may have been called; what had not begun leaves its intent as it was. */
  readonly begun: boolean;
  /** Whether it has to be sent again: its delivery is no longer this process's, to be handed on to others. */
  readonly again: boolean;
}

/**
 * Gives a running job back, so that whoever gets its delivery next takes it at once: under the same send, or under the
 * next one with a row in the outbox. Writes only under the claim that ran; the next claim gets another number. No
 * attempt is spent.
 */
export async function giveBackJob(
  db: QueryExecutorProvider,
  { id, claim, intent_number, intent_before }: TakenJob,
  { begun, again }: GivenBack,
): Promise<void> {
  // A request that this claim never made puts nothing in doubt.
  const untouched = !begun && (intent_before === null || intent_before === "unsent");
  await sql`
    with given as (
      update duly.jobs set state = 'queued', holder = null, send = send + ${again ? 1 : 0}
      where id = ${id} and claim = ${claim} and state = 'running'
      returning id, send, priority
    ), outgoing as (
      insert into duly.outbox (lane, ref, send) select priority::text::duly.lane, id, send from given where ${again}
      returning lane
    ), noted as (
      update duly.intents i set outcome = 'unsent' from given
      where ${untouched} and i.job_id = given.id and i.number = ${intent_number} and i.outcome = 'unknown'
    )
    select duly.wake_relay(array_agg(lane)) from outgoing having count(*) > 0
  `.execute(db);
}
