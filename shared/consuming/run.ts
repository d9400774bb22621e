import type { TakenJob } from "../jobs/take-job.ts";
import type { Handler } from "./handle.ts";

/** A run of a performing handler: the job as claimed, what it parsed to, and the intent in force. */
export interface Run {
  readonly job: TakenJob;
  readonly handler: Handler & { readonly perform: NonNullable<Handler["perform"]> };
  readonly payload: unknown;
  readonly intentNumber: number;
  /** Whether an earlier run may have had its effect under this very intent. */
  readonly inDoubt: boolean;
}
