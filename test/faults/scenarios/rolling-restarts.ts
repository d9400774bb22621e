import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import { ROLE_NAMES } from "../world/world.ts";

const READY_MS = 60_000;

/** Every process drained and replaced under load, as an update does. */
export const rollingRestarts: Scenario = {
  name: "rolling-restarts",
  what: "SIGTERM of every process in turn, the next one started when it has drained",
  rounds: 5,
  noDuplicates: true,
  exactAttempts: true,
  inject: async (round) => {
    for (let turn = 0; turn < (round.quick ? 1 : 4); turn += 1) {
      for (const victim of ROLE_NAMES.flatMap((role) => round.world.processes[role])) {
        await victim.restart();
        await victim.isReady(READY_MS);
        round.did("rolling restart");
        await sleep(round.quick ? 0 : 500);
      }
    }
  },
};
