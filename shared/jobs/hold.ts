import { type QueryExecutorProvider, sql } from "kysely";
import { jsonText } from "../errors/json-text.ts";
import type { NotedError } from "../errors/note-error.ts";

export interface Hold {
  readonly id: string;
  /** What it waits for, in words for people: `unreachable: chain`. */
  readonly waitsFor: string;
  readonly delayMs: number;
  readonly error: NotedError;
}

/** Lets a job wait without counting an attempt; the scheduler releases it. The caller holds the job's lock. */
export async function hold(
  trx: QueryExecutorProvider,
  { id, waitsFor, delayMs, error }: Hold,
): Promise<void> {
  await sql`
    with held as (
      update duly.jobs set state = 'held', send = send + 1, holds = holds + 1, holder = null, waits_for = ${waitsFor},
        last_error = ${jsonText(error) ?? "null"}::jsonb, wake_at = duly.now() + ${delayMs} * interval '1 ms'
      where id = ${id}
      returning wake_at
    )
    select duly.wake_scheduler(wake_at) from held
  `.execute(trx);
}
