import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import { carryOut, planKills } from "./kill-plan.ts";

/** Lines of jobs, each to be worked off one at a time and in order, while those that move them die. */
export const ordering: Scenario = {
  name: "ordering",
  what: "jobs with ordering keys while schedulers (at the promoter) and consumers are killed",
  rounds: 3,
  load: { perSecond: 60, mix: { ordered: 60, line: 40 } },
  inject: async (round) => {
    if (round.quick) return sleep(15_000); // other scenarios of its stage do the breaking
    const { scheduler, consumer } = round.world.processes;
    const promoter = [{ at: "scheduler.promoted" as const, mostPasses: 50 }];
    const settling = [
      { at: "consumer.group-recorded" as const, mostPasses: 20 },
      { at: "consumer.group-settled" as const, mostPasses: 20 },
    ];
    await Promise.all([
      carryOut(round, planKills(promoter, { each: 20, atRandom: 5 }, round.random), scheduler),
      carryOut(round, planKills(settling, { each: 10, atRandom: 5 }, round.random), consumer),
    ]);
  },
};
