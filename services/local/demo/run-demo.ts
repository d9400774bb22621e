import type { Stack } from "../stack/stack.ts";
import { beginRun, type DemoOptions } from "./demo-run.ts";
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
 * @throws when the stack does not answer, a command fails, or `signal` is aborted.
 */
export async function runDemo(stack: Stack, options: DemoOptions): Promise<DemoOutcome> {
  const run = await beginRun(stack, options);
  try {
    const work = await giveWork(run);
    const table = liveTable(process.stdout, run.out);
    try {
      // The report comes last, so that its rows can be counted.
      if (await untilEnded(run, table, jobsOfWork(work))) {
        await requestReport(run);
        await untilEnded(run, table, REPORT_JOBS);
      }
    } finally {
      table.done();
    }
    return await judge(run, work);
  } finally {
    await run.db.destroy();
  }
}
