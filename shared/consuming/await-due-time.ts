import { Interrupted } from "../database/until-database-answers.ts";
import type { JobRow } from "../jobs/job-row.ts";
import { pause } from "../time/pause.ts";

/** The scheduler looks ahead by at most this much; what is sent earlier was sent by somebody who means it. */
const LONGEST_MS = 1_000;

/** Waits out what is left until the jobs are due, when the scheduler sent them a little ahead of their time. */
export async function awaitDueTime(
  jobs: readonly Pick<JobRow, "early_ms">[],
  hurry: AbortSignal,
): Promise<void> {
  const earlyMs = Math.max(0, ...jobs.map((job) => job.early_ms).filter((early) => early <= LONGEST_MS));
  const due = performance.now() + earlyMs;
  // A timer may fire up to a millisecond before its time.
  for (let left = earlyMs; left > 0 && !hurry.aborted; left = due - performance.now()) {
    await pause(Math.ceil(left), hurry);
  }
  if (hurry.aborted && earlyMs > 0) throw new Interrupted("stopped before the job was due");
}
