import { type QueryExecutorProvider, sql } from "kysely";
import type { Priority } from "../contracts/priority.ts";

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
  /** The payload as JSON text, unless there are only bytes. */
  readonly payload: string | null;
  readonly body: Buffer | null;
  readonly createdAt: Date;
}

/** Reads letters that are still open; a closed one needs no copy and is absent. */
export async function readLetters(
  db: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, LetterContent>> {
  if (ids.length === 0) return new Map();
  const result = await sql<LetterContent>`
    select l.id, l.copy, l.job_id as "jobId", l.service, l.type, l.priority, l.reason, l.error ->> 'message' as error,
      l.attempts, j.correlation_id as "correlationId", l.payload::text as payload, l.body, l.created_at as "createdAt"
    from duly.dead_letters l left join duly.jobs j on j.id = l.job_id
    where l.id = any(${ids}::uuid[]) and l.closed_at is null
  `.execute(db);
  return new Map(result.rows.map((row) => [row.id, row]));
}
