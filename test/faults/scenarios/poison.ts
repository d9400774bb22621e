import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import { commitJobs } from "../world/load.ts";

/** Each has to kill three processes among others and three alone, and each death alone is believed after 30 s. */
const EACH_ROUND = 3;
const WAIT_MS = 20_000;

/** Jobs that kill whoever runs them, among others of the same queue that must not pay for it. */
export const poison: Scenario = {
  name: "poison",
  what: `${EACH_ROUND} jobs that kill each process that runs them; their neighbours keep their attempts`,
  rounds: 3,
  load: { perSecond: 60, mix: { group: 60, row: 20, keyed: 20 } },
  inject: async (round) => {
    const jobs = Array.from({ length: round.quick ? 1 : EACH_ROUND }, () => ({
      kind: "poison" as const,
      payload: { round: round.name, failures: 0, hopeless: false, delayMs: 0 },
    }));
    await commitJobs(round.world.db, round.name, jobs);
    for (let added = 0; added < jobs.length; added += 1) round.did("poison enqueued");
    await sleep(WAIT_MS);
  },
};
