import { type QueryExecutorProvider, sql } from "kysely";
import type { JobState } from "../contracts/job-state.ts";
import type { Priority } from "../contracts/priority.ts";
import { BYTE_BUDGET } from "./byte-budget.ts";

/** The present content of a job that is to be sent. */
export interface JobContent {
  readonly id: string;
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  readonly state: JobState;
  readonly send: number;
  readonly attempts: number;
  readonly crashes: number;
  readonly correlationId: string;
  /** JSON text; null beyond the byte budget. */
  readonly payload: string | null;
}

/** Reads jobs by id, content as far as the byte budget goes; one that has moved to the history is absent. */
export async function readJobs(
  db: QueryExecutorProvider,
  ids: readonly string[],
): Promise<Map<string, JobContent>> {
  if (ids.length === 0) return new Map();
  const result = await sql<JobContent>`
    with read as (
      select j.id, j.type, j.service, j.priority, j.state, j.send, j.attempt as attempts, j.crashes,
        j.correlation_id as "correlationId", j.payload::text as payload,
        sum(octet_length(j.payload::text)) over (order by w.place) - octet_length(j.payload::text) as before
      from unnest(${ids}::uuid[]) with ordinality as w(id, place) join duly.jobs j on j.id = w.id
    )
    select id, type, service, priority, state, send, attempts, crashes, "correlationId",
      case when before < ${BYTE_BUDGET} then payload end as payload
    from read
  `.execute(db);
  return new Map(result.rows.map((row) => [row.id, row]));
}
