import type { ColumnType, Generated } from "kysely";
import type { JobState } from "../contracts/job-state.ts";
import type { Priority } from "../contracts/priority.ts";

/** A timestamp: read as Date, written as Date or ISO text. */
export type Timestamp = ColumnType<Date, Date | string | undefined, Date | string>;
type MaybeTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;

interface JobsTable {
  id: string;
  number: Generated<string>;
  type: string;
  service: string;
  priority: Priority;
  state: JobState;
  payload: unknown;
  send: number;
  claim: number;
  attempt: number;
  max_attempts: number;
  holds: number;
  holder: string | null;
  run_at: MaybeTimestamp;
  wake_at: MaybeTimestamp;
  retry_at: MaybeTimestamp;
  waits_for: string | null;
  unique_key: string | null;
  ordering_key: string | null;
  continues: Generated<boolean>;
  active_key: ColumnType<string | null, never, never>;
  expires_at: MaybeTimestamp;
  timeout_ms: number;
  cancel_requested: boolean;
  cancel_reason: string | null;
  pass: number | null;
  correlation_id: string;
  causation_id: string | null;
  progress: unknown;
  result: unknown;
  last_error: unknown;
  enqueued_at: Timestamp;
  claimed_at: MaybeTimestamp;
  started_at: MaybeTimestamp;
  finished_at: MaybeTimestamp;
  crashes: Generated<number>;
}

interface DeadLettersTable {
  id: string;
  job_id: string | null;
  service: string;
  type: string | null;
  priority: Priority | null;
  reason: string;
  error: unknown;
  payload: unknown;
  body: Buffer | null;
  headers: unknown;
  attempts: number;
  copy: Generated<number>;
  created_at: Timestamp;
  closed_at: MaybeTimestamp;
}

interface JobTypesTable {
  type: string;
  service: string;
  priorities: Priority[];
  default_priority: Priority;
  max_attempts: number;
  backoff_ms: number[];
  timeout_ms: number;
  max_payload_bytes: number;
  on_dead_letter: Generated<"hold" | "continue">;
}

interface ConsumersTable {
  instance: string;
  service: string;
  host: string;
  pid: number;
  started_at: Timestamp;
  seen_at: Timestamp;
  in_hand: string[];
}

/** The engine's tables as Kysely sees them; a service adds its own with `trx.$extendTables<…>()`. */
export interface DulyTables {
  "duly.jobs": JobsTable;
  "duly.jobs_history": JobsTable;
  "duly.dead_letters": DeadLettersTable;
  "duly.job_types": JobTypesTable;
  "duly.consumers": ConsumersTable;
}
