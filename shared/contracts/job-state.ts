/**
 * Every state of a job. Who moves a job on from each, and what looks after it when that mover is gone,
 * stands in docs/job-states.md.
 */
export const JOB_STATES = [
  "scheduled",
  "blocked",
  "queued",
  "running",
  "completed",
  "retrying",
  "held",
  "dead_lettered",
  "cancelled",
] as const;

export type JobState = (typeof JOB_STATES)[number];

/** States that a job leaves only when a person asks for it. */
export const FINAL_STATES = [
  "completed",
  "dead_lettered",
  "cancelled",
] as const satisfies readonly JobState[];
