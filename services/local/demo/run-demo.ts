import { explain } from "../setup-error.ts";
import type { Stack } from "../stack/stack.ts";
import { beginRun, type DemoOptions, type DemoRun } from "./demo-run.ts";
import { jobsOfWork, REPORT_JOBS } from "./expected-jobs.ts";
import { giveWork, requestReport } from "./give-work.ts";
import { judge } from "./judge.ts";
import { liveTable } from "./live-table.ts";
import type { DemoOutcome } from "./outcome.ts";
import { untilEnded } from "./until-ended.ts";

/**
 * Sends payments, mails and messages over the whole road, shows their way, and holds what came of them against what
 * had to.
 *
 * What keeps the demo from its end is told in its outcome; it throws only when `signal` is aborted.
 */
export async function runDemo(stack: Stack, options: DemoOptions): Promise<DemoOutcome> {
  try {
    const run = await beginRun(stack, options);
    try {
      return await tellStory(run);
    } finally {
      await run.db.destroy();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    return { ok: false, summary: `The demo could not go on: ${explain(error)}` };
  }
}

async function tellStory(run: DemoRun): Promise<DemoOutcome> {
  const work = await giveWork(run);
  const table = liveTable(process.stdout, run.out);
  let inTime: boolean;
  try {
    inTime = await untilEnded(run, table, jobsOfWork(work));
    // The report comes last, so that its rows can be counted.
    if (inTime) {
      await requestReport(run);
      inTime = await untilEnded(run, table, REPORT_JOBS);
    }
  } finally {
    table.done();
  }
  return judge(run, work, inTime);
}
