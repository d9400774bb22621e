import { setTimeout as sleep } from "node:timers/promises";
import { countStates, type RunCounts } from "./count-states.ts";
import type { DemoRun } from "./demo-run.ts";
import { type ExpectedJobs, stillToCome } from "./expected-jobs.ts";
import type { LiveTable } from "./live-table.ts";

const LOOK_EVERY_MS = 200;

/** Shows the run's jobs until all expected ones have ended; resolves to false when the deadline comes first. */
export async function untilEnded(
  run: DemoRun,
  table: LiveTable,
  expected: readonly ExpectedJobs[],
): Promise<boolean> {
  for (;;) {
    const counts: RunCounts = await countStates(run);
    const waitingFor = stillToCome(counts, expected);
    table.show(counts, run.elapsedMs(), waitingFor ?? "all there");
    if (waitingFor === undefined) return true;
    if (run.elapsedMs() > run.deadlineMs) return false;
    await sleep(LOOK_EVERY_MS, undefined, { signal: run.signal });
  }
}
