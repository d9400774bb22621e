import { setTimeout as sleep } from "node:timers/promises";
import { countStates } from "./count-states.ts";
import type { GivenWork } from "./demo-inputs.ts";
import type { DemoRun } from "./demo-run.ts";
import { gatherEvidence } from "./evidence/evidence.ts";
import { checkAll } from "./expectations/check-all.ts";
import { type DemoOutcome, tellOutcome } from "./outcome.ts";

// A job's end may be known a moment before the copy of its dead letter lies in RabbitMQ.
const SETTLING_MS = 5_000;
const LOOK_EVERY_MS = 250;

/**
 * Holds the evidence against the expectations, for a few seconds again and again until all of them are met.
 *
 * @param inTime whether the jobs came to an end before the deadline
 */
export async function judge(run: DemoRun, work: GivenWork, inTime: boolean): Promise<DemoOutcome> {
  const patience = inTime ? run.elapsedMs() + SETTLING_MS : 0;
  for (;;) {
    const elapsedMs = run.elapsedMs();
    const evidence = await gatherEvidence(run, work);
    const checks = checkAll(work, evidence);
    if (checks.every(({ met }) => met) || elapsedMs > patience) {
      const { lateness } = await countStates(run);
      return tellOutcome({ work, evidence, checks, lateness: lateness.get("all"), elapsedMs, inTime });
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: run.signal });
  }
}
