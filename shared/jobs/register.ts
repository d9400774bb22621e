import { type QueryExecutorProvider, sql } from "kysely";
import type { JobDefinition } from "../contracts/define-job.ts";

/**
 * Registers what a service handles, so that enqueueing knows it and the relay declares its queues.
 *
 * Repeating it changes nothing and wakes nobody. A type that another service registered before moves to this one: jobs
 * enqueued from then on go to its queues.
 */
export async function register(
  trx: QueryExecutorProvider,
  service: string,
  definitions: readonly JobDefinition[],
  eventTypes: readonly string[],
): Promise<void> {
  const changes = await sql<{ changed: boolean }>`
    with types as (
      insert into duly.job_types as t (type, service, priorities, default_priority, max_attempts, backoff_ms, timeout_ms,
        max_payload_bytes, on_dead_letter)
      select g.type, ${service}, g.priorities, g.priority, g.attempts, g.backoff, g."timeoutMs", g."maxPayloadBytes",
        g."onDeadLetter"
      from jsonb_to_recordset(${JSON.stringify(definitions.map(toRow))}::jsonb) as g(type text,
        priorities duly.priority[], priority duly.priority, attempts integer, backoff integer[], "timeoutMs" integer,
        "maxPayloadBytes" integer, "onDeadLetter" text)
      on conflict (type) do update set service = excluded.service, priorities = excluded.priorities,
        default_priority = excluded.default_priority, max_attempts = excluded.max_attempts,
        backoff_ms = excluded.backoff_ms, timeout_ms = excluded.timeout_ms,
        max_payload_bytes = excluded.max_payload_bytes, on_dead_letter = excluded.on_dead_letter,
        registered_at = duly.now()
      where (t.service, t.priorities, t.default_priority, t.max_attempts, t.backoff_ms, t.timeout_ms,
          t.max_payload_bytes, t.on_dead_letter) is distinct from (excluded.service, excluded.priorities, excluded.default_priority,
          excluded.max_attempts, excluded.backoff_ms, excluded.timeout_ms, excluded.max_payload_bytes,
          excluded.on_dead_letter)
      returning 1
    ), heard as (
      insert into duly.subscriptions (service, event_type)
      select ${service}, unnest(${eventTypes}::text[]) on conflict do nothing returning 1
    )
    select exists (select from types) or exists (select from heard) as changed
  `.execute(trx);
  if (changes.rows[0]?.changed === true) await sql`select pg_notify('duly_topology', '')`.execute(trx);
}

function toRow({ payload: _, ...row }: JobDefinition): Omit<JobDefinition, "payload"> {
  return row;
}
