import { type QueryExecutorProvider, sql } from "kysely";
import { jsonText } from "../errors/json-text.ts";
import type { NotedError } from "../errors/note-error.ts";

export interface Retry {
  readonly id: string;
  readonly delayMs: number;
  /** Whether RabbitMQ has a wait queue of this delay; otherwise the scheduler waits it out. */
  readonly onLadder: boolean;
  readonly error: NotedError;
}

/** Counts the attempt and sends the job again after its backoff; the caller holds the job's lock. */
export async function retry(
  trx: QueryExecutorProvider,
  { id, delayMs, onLadder, error }: Retry,
): Promise<void> {
  const at = sql`duly.now() + ${delayMs} * interval '1 ms'`;
  await sql`
    with counted as (
      update duly.jobs set state = 'retrying', attempt = attempt + 1, send = send + 1, holder = null, holds = 0,
        last_error = ${jsonText(error) ?? "null"}::jsonb, retry_at = ${at},
        wake_at = case when ${onLadder} then null else ${at} end
      where id = ${id}
      returning id, send, priority, wake_at
    ), outgoing as (
      insert into duly.outbox (lane, ref, send, delay_ms)
      select priority::text::duly.lane, id, send, ${delayMs} from counted where wake_at is null
      returning lane
    )
    select (select duly.wake_relay(array_agg(lane)) from outgoing having count(*) > 0),
      (select duly.wake_scheduler(wake_at) from counted where wake_at is not null)
  `.execute(trx);
}
