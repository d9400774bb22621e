import { type QueryExecutorProvider, sql } from "kysely";
import type { Priority } from "../contracts/priority.ts";
import { cleanText } from "../errors/clean-text.ts";
import { jsonText } from "../errors/json-text.ts";
import type { NotedError } from "../errors/note-error.ts";

/** Why a letter exists, in one word; people filter by it. */
export type LetterReason =
  | "permanent_error"
  | "attempts_exhausted"
  | "outcome_in_doubt"
  | "invalid_payload"
  | "unreadable_message"
  | "unknown_type"
  | "unknown_job"
  | "unpublishable"
  | "rejected_by_broker"
  | "killed_its_consumer";

/** A letter about something that is no live job: foreign bytes, an unknown job, an event. */
export interface LooseLetter {
  readonly service: string;
  readonly reason: LetterReason;
  readonly error: NotedError;
  readonly priority?: Priority | undefined;
  readonly type?: string | undefined;
  /** The id that the message claimed, where it can be one. */
  readonly jobId?: string | undefined;
  readonly body?: Buffer | undefined;
  readonly headers?: unknown;
}

/** Ends live jobs as dead letters and queues the parked copy of each; frees their unique keys. Locks nothing new. */
export async function writeLetters(
  trx: QueryExecutorProvider,
  jobs: readonly { readonly id: string; readonly attempts: number }[],
  reason: LetterReason,
  error: NotedError,
): Promise<void> {
  const note = jsonText(error) ?? "null";
  await sql`
    with ended as (
      update duly.jobs j set state = 'dead_lettered', attempt = dying.attempts, wake_at = null, retry_at = null,
        holder = null, waits_for = null, last_error = ${note}::jsonb, finished_at = duly.now()
      from unnest(${jobs.map((job) => job.id)}::uuid[], ${jobs.map((job) => job.attempts)}::int[]) as dying(id, attempts)
      where j.id = dying.id returning j.*
    ), freed as (
      select duly.free_unique_keys(array_agg(id)) from ended where unique_key is not null having count(*) > 0
    ), letters as (
      insert into duly.dead_letters (id, job_id, service, type, priority, reason, error, payload, attempts, created_at)
      select duly.new_id(), id, service, type, priority, ${reason}, ${note}::jsonb, payload, attempt, duly.now()
      from ended returning id
    ), copies as (
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from letters
    )
    select duly.wake_relay('{letter}'), (select count(*) from freed)
  `.execute(trx);
}

/** Keeps what cannot be a job's: its bytes, its headers and why, and queues the parked copy. */
export async function writeLooseLetter(trx: QueryExecutorProvider, letter: LooseLetter): Promise<void> {
  await sql`
    with letter as (
      insert into duly.dead_letters (id, job_id, service, type, priority, reason, error, body, headers, created_at)
      values (duly.new_id(), ${letter.jobId ?? null}::uuid, ${letter.service}, ${letter.type === undefined ? null : cleanText(letter.type)},
        ${letter.priority ?? null}::duly.priority, ${letter.reason}, ${jsonText(letter.error) ?? "null"}::jsonb,
        ${letter.body ?? null}, ${jsonText(letter.headers) ?? null}::jsonb, duly.now())
      returning id
    ), copy as (
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from letter
    )
    select duly.wake_relay('{letter}')
  `.execute(trx);
}

/**
 * Whether bytes that came again have their letter of the last day: of the same reason, from the same place, under the
 * same headers, but for what the broker counts in them.
 */
export async function hasLooseLetter(
  trx: QueryExecutorProvider,
  { service, reason, body, headers }: LooseLetter,
): Promise<boolean> {
  const found = await sql<{ found: boolean }>`
    select exists (select from duly.dead_letters l
      where l.id > duly.first_id_at(clock_timestamp() - interval '1 day') and l.service = ${service}
        and l.reason = ${reason} and l.body = ${body ?? null}
        and l.headers #- '{headers,x-delivery-count}' #- '{headers,x-acquired-count}'
          = ${jsonText(headers) ?? null}::jsonb #- '{headers,x-delivery-count}' #- '{headers,x-acquired-count}'
    ) as found`.execute(trx);
  return found.rows[0]?.found === true;
}
