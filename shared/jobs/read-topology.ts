import { type QueryExecutorProvider, sql } from "kysely";
import type { Priority } from "../contracts/priority.ts";

/** What the registered types and subscriptions ask of the broker. */
export interface RegisteredTopology {
  readonly work: { service: string; priority: Priority; delaysMs: number[] }[];
  readonly subscriptions: { service: string; eventType: string }[];
}

/** Reads which queues there have to be: one per service and priority that some type allows. */
export async function readTopology(db: QueryExecutorProvider): Promise<RegisteredTopology> {
  const work = await sql<{ service: string; priority: Priority; delaysMs: number[] }>`
    select t.service, p.priority, coalesce(array_agg(distinct d.delay) filter (where d.delay is not null), '{}') as "delaysMs"
    from duly.job_types t cross join unnest(t.priorities) p(priority) left join unnest(t.backoff_ms) d(delay) on true
    group by t.service, p.priority order by t.service, p.priority
  `.execute(db);
  const subscriptions = await sql<{ service: string; eventType: string }>`
    select service, event_type as "eventType" from duly.subscriptions order by 1, 2
  `.execute(db);
  return { work: work.rows, subscriptions: subscriptions.rows };
}
