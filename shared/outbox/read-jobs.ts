import { type QueryExecutorProvider, sql } from "kysely";
import type { JobState } from "../contracts/job-state.ts";
import type { Priority } from "../contracts/priority.ts";

/** The present content of a job that is to be sent. */
export interface JobContent {
  readonly id: string;
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  readonly state: JobState;
  readonly send: number;
  readonly attempts: number;
  readonly correlationId: string;
  /** JSON text. */
  readonly payload: string;
}

/** Reads jobs by id; one that has finished and moved to the history is absent. */
export async function readJobs(
  db: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, JobContent>> {
  if (ids.length === 0) return new Map();
  const result = await sql<JobContent>`
    select id, type, service, priority, state, send, attempt as attempts, correlation_id as "correlationId",
      payload::text as payload
    from duly.jobs where id = any(${ids}::uuid[])
  `.execute(db);
  return new Map(result.rows.map((row) => [row.id, row]));
}
