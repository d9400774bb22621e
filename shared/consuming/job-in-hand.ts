import type { JobRow } from "../jobs/job-row.ts";
import type { JobInHand } from "./handle.ts";

/** Shows a job to its handler. */
export function jobInHand(row: JobRow): JobInHand {
  return {
    id: row.id,
    type: row.type,
    service: row.service,
    priority: row.priority,
    attempt: row.attempt + 1,
    maxAttempts: row.max_attempts,
    correlationId: row.correlation_id,
    causationId: row.causation_id ?? undefined,
    runAt: row.run_at ?? undefined,
    enqueuedAt: row.enqueued_at,
    expiresAt: row.expires_at ?? undefined,
  };
}
