import { type QueryExecutorProvider, sql } from "kysely";
import type { Priority } from "../contracts/priority.ts";

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
  | "rejected_by_broker";

/** What the last error was, as people and programs read it. */
export interface ErrorNote {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
}

/** A letter about something that is no live job: foreign bytes, an unknown job, an event. */
export interface LooseLetter {
  readonly service: string;
  readonly reason: LetterReason;
  readonly error: ErrorNote;
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
  error: ErrorNote,
): Promise<void> {
  const note = JSON.stringify(error);
  await sql`
    with ended as (
      update duly.jobs j set state = 'dead_lettered', attempt = dying.attempts, wake_at = null, retry_at = null,
        holder = null, waits_for = null, last_error = ${note}::jsonb, finished_at = duly.now()
      from unnest(${jobs.map((job) => job.id)}::uuid[], ${jobs.map((job) => job.attempts)}::int[]) as dying(id, attempts)
      where j.id = dying.id returning j.*
    ), freed as (
      delete from duly.unique_keys u using ended e where u.type = e.type and u.key = e.unique_key and u.job_id = e.id
    ), letters as (
      insert into duly.dead_letters (id, job_id, service, type, priority, reason, error, payload, attempts, created_at)
      select duly.new_id(), id, service, type, priority, ${reason}, ${note}::jsonb, payload, attempt, duly.now()
      from ended returning id
    ), copies as (
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from letters
    )
    select duly.wake_relay('{letter}')
  `.execute(trx);
}

/** Keeps what cannot be a job's: its bytes, its headers and why, and queues the parked copy. */
export async function writeLooseLetter(trx: QueryExecutorProvider, letter: LooseLetter): Promise<void> {
  await sql`
    with letter as (
      insert into duly.dead_letters (id, job_id, service, type, priority, reason, error, body, headers, created_at)
      values (duly.new_id(), ${letter.jobId ?? null}::uuid, ${letter.service}, ${letter.type ?? null},
        ${letter.priority ?? null}::duly.priority, ${letter.reason}, ${JSON.stringify(letter.error)}::jsonb,
        ${letter.body ?? null}, ${letter.headers === undefined ? null : JSON.stringify(letter.headers)}::jsonb, duly.now())
      returning id
    ), copy as (
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from letter
    )
    select duly.wake_relay('{letter}')
  `.execute(trx);
}
