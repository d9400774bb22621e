import { type QueryExecutorProvider, sql } from "kysely";
import { JOB_COLUMNS, type JobRow } from "./job-row.ts";

/**
 * What is known of the effect of an intent. `unsent` the request certainly never left · `unknown` it may have had its
 * effect, as after a crash · `doubtful` the same, and that run is not yet counted as an attempt · `answered` the same, but
 * the provider has answered, so nothing is on its way any more · `refused` it certainly had none · `applied` it had.
 */
export type IntentOutcome = "unsent" | "unknown" | "doubtful" | "answered" | "refused" | "applied";

/** A job that this process holds, with the intent of its outside effect. */
export interface TakenJob extends JobRow {
  readonly intent_number: number;
  /** What was known of that intent before this claim; undefined for a new one. */
  readonly intent_before: IntentOutcome | null;
  /** Milliseconds since its key may first have reached the provider. */
  readonly intent_age_ms: number;
  /** What `perform` returned when only recording failed, packed. */
  readonly receipt: Buffer | null;
}

/**
 * Claims a job for one run of its handler and stores the intent of its outside effect, in one statement: `running`, held
 * by this process under the next claim. The commit of this comes before the call.
 *
 * @returns undefined when the delivery is not live: another send, another state.
 */
export async function takeJob(
  db: QueryExecutorProvider,
  wanted: { readonly id: string; readonly send: number; readonly holder: string },
): Promise<TakenJob | undefined> {
  const condition = sql`j.id = ${wanted.id} and j.send = ${wanted.send} and j.state in ('queued', 'retrying')`;
  return take(db, wanted, condition);
}

/**
 * Takes a running job over from a holder that is gone: the next claim, under which the old holder cannot record. Counts
 * a crash unless that holder has signed off.
 */
export async function takeOver(
  db: QueryExecutorProvider,
  wanted: { readonly id: string; readonly send: number; readonly claim: number; readonly holder: string },
): Promise<TakenJob | undefined> {
  const condition = sql`j.id = ${wanted.id} and j.send = ${wanted.send} and j.claim = ${wanted.claim}
    and j.state = 'running'`;
  return take(db, wanted, condition);
}

async function take(
  db: QueryExecutorProvider,
  wanted: { readonly id: string; readonly holder: string },
  condition: ReturnType<typeof sql>,
): Promise<TakenJob | undefined> {
  const result = await sql<TakenJob>`
    with taken as (
      update duly.jobs j set state = 'running', holder = ${wanted.holder}, claim = claim + 1,
        claimed_at = duly.now(), started_at = coalesce(started_at, greatest(duly.now(), run_at)),
        crashes = crashes + (select count(*) from duly.consumers c
          where c.instance = j.holder and j.holder <> ${wanted.holder})::integer
      where ${condition}
      returning ${sql.raw(JOB_COLUMNS)}
    ), latest as (
      select number, outcome, receipt from duly.intents where job_id = ${wanted.id} order by number desc limit 1
    ), intent as (
      insert into duly.intents as i (job_id, number, outcome, made_at)
      select taken.id, case when latest.outcome = 'refused' then latest.number + 1 else coalesce(latest.number, 1) end,
        'unknown', duly.now()
      from taken left join latest on true
      on conflict (job_id, number) do update
        set outcome = case i.outcome when 'unsent' then 'unknown' else i.outcome end,
          made_at = case i.outcome when 'unsent' then excluded.made_at else i.made_at end
      returning number, made_at
    )
    select taken.*, intent.number as intent_number,
      extract(epoch from duly.now() - intent.made_at)::float8 * 1000 as intent_age_ms,
      case when latest.number = intent.number then latest.outcome end as intent_before, latest.receipt
    from taken cross join intent left join latest on true
  `.execute(db);
  return result.rows[0];
}
