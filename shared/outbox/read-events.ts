import { type QueryExecutorProvider, sql } from "kysely";
import { BYTE_BUDGET } from "./byte-budget.ts";

/** One event of the log, as it is published. */
export interface EventContent {
  readonly id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly occurredAt: Date;
  /** JSON text; null beyond the byte budget. */
  readonly data: string | null;
}

/** Reads events by id, content as far as the byte budget goes; one whose day has been dropped is absent. */
export async function readEvents(
  db: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, EventContent>> {
  if (ids.length === 0) return new Map();
  const result = await sql<EventContent>`
    with read as (
      select e.id, e.type, e.subject, e.correlation_id as "correlationId", e.causation_id as "causationId",
        e.occurred_at as "occurredAt", e.data::text as data,
        sum(octet_length(e.data::text)) over (order by w.place) - octet_length(e.data::text) as before
      from unnest(${ids}::uuid[]) with ordinality as w(id, place) join duly.events e on e.id = w.id
    )
    select id, type, subject, "correlationId", "causationId", "occurredAt",
      case when before < ${BYTE_BUDGET} then data end as data
    from read
  `.execute(db);
  return new Map(result.rows.map((row) => [row.id, row]));
}
