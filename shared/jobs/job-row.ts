import type { JobState } from "../contracts/job-state.ts";
import type { Priority } from "../contracts/priority.ts";

/** A job as consuming reads it. */
export interface JobRow {
  readonly id: string;
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  readonly state: JobState;
  readonly send: number;
  readonly claim: number;
  /** Attempts made so far. */
  readonly attempt: number;
  readonly max_attempts: number;
  readonly holds: number;
  readonly holder: string | null;
  readonly run_at: Date | null;
  readonly expires_at: Date | null;
  readonly timeout_ms: number;
  /** The send that needs no token of a rate limit any more. */
  readonly pass: number | null;
  readonly cancel_requested: boolean;
  readonly unique_key: string | null;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly enqueued_at: Date;
  /** Whether it is worth nothing any more. */
  readonly expired: boolean;
  /** Milliseconds until its due time or the end of its backoff, for one sent a little ahead of it; 0 when it is past. */
  readonly early_ms: number;
}

/** The columns of a JobRow, to be read from `duly.jobs` under the name `j`. */
export const JOB_COLUMNS = `j.id, j.type, j.service, j.priority, j.state, j.send, j.claim, j.attempt, j.max_attempts,
  j.holds, j.holder, j.run_at, j.expires_at, j.timeout_ms, j.pass, j.cancel_requested, j.unique_key, j.correlation_id,
  j.causation_id, j.enqueued_at, coalesce(j.expires_at <= duly.now(), false) as expired,
  greatest(0, coalesce(extract(epoch from greatest(j.run_at, j.retry_at) - duly.now()), 0))::float8 * 1000 as early_ms`;
