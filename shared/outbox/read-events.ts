import { type QueryExecutorProvider, sql } from "kysely";

/** One event of the log, as it is published. */
export interface EventContent {
  readonly id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly occurredAt: Date;
  /** JSON text. */
  readonly data: string;
}

/** Reads events by id; one whose day has been dropped is absent. */
export async function readEvents(
  db: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, EventContent>> {
  if (ids.length === 0) return new Map();
  const result = await sql<EventContent>`
    select id, type, subject, correlation_id as "correlationId", causation_id as "causationId",
      occurred_at as "occurredAt", data::text as data
    from duly.events where id = any(${ids}::uuid[])
  `.execute(db);
  return new Map(result.rows.map((row) => [row.id, row]));
}
