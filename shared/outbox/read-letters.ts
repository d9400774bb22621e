import { type QueryExecutorProvider, sql } from "kysely";
import type { Priority } from "../contracts/priority.ts";
import { BYTE_BUDGET } from "./byte-budget.ts";

/** One open letter, as its parked copy shows it. */
export interface LetterContent {
  readonly id: string;
  readonly copy: number;
  readonly jobId: string | null;
  readonly service: string;
  readonly type: string | null;
  readonly priority: Priority | null;
  readonly reason: string;
  /** What the last error said. */
  readonly error: string | null;
  readonly attempts: number;
  readonly correlationId: string | null;
  /** The payload as JSON text, or the bytes that came; null beyond the byte budget. */
  readonly body: Buffer | null;
  readonly createdAt: Date;
}

/** Reads letters that are still open, bodies as far as the byte budget goes; a closed one needs no copy and is absent. */
export async function readLetters(
  db: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, LetterContent>> {
  if (ids.length === 0) return new Map();
  const result = await sql<LetterContent>`
    with read as (
      select l.id, l.copy, l.job_id as "jobId", l.service, l.type, l.priority, l.reason, l.error ->> 'message' as error,
        l.attempts, j.correlation_id as "correlationId", l.created_at as "createdAt",
        coalesce(l.body, convert_to(l.payload::text, 'UTF8'), '') as body, w.place
      from unnest(${ids}::uuid[]) with ordinality as w(id, place) join duly.dead_letters l on l.id = w.id
        left join duly.jobs j on j.id = l.job_id
      where l.closed_at is null
    ), measured as (
      select *, sum(octet_length(body)) over (order by place) - octet_length(body) as before from read
    )
    select id, copy, "jobId", service, type, priority, reason, error, attempts, "correlationId", "createdAt",
      case when before < ${BYTE_BUDGET} then body end as body
    from measured
  `.execute(db);
  return new Map(result.rows.map((row) => [row.id, row]));
}
