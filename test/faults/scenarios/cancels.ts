import { setTimeout as sleep } from "node:timers/promises";
import type { JobState } from "#shared/contracts/job-state.ts";
import { cancel } from "#shared/index.ts";
import type { Round, Scenario } from "../scenario.ts";
import { KINDS } from "../service/kinds.ts";
import { noteCancel, pickJob, readCancelEnds } from "../world/notebook.ts";
import { carryOut, planKills } from "./kill-plan.ts";
import { pauseType } from "./pause-type.ts";

const STATES: readonly JobState[] = ["scheduled", "queued", "running", "retrying", "held", "blocked"];
const EVERY_MS = 50;
const FULL_MS = 60_000;
const QUICK_MS = 15_000;
/** So that jobs are held and in doubt. */
const TROUBLES = {
  effectThenCut: 0.05,
  effectThenGatewayError: 0.02,
  serverError: 0.05,
  tooMany: 0.05,
  unanswered: 0.3,
};
const PAUSED_MS = 1000;
const BETWEEN_PAUSES_MS = 4000;

/**
 * Jobs are called off wherever they are, while those that have them die. Of the kinds with a key there is only the one
 * whose provider closes keys: a call that arrives after an `ask` that said `none` is what no engine can prevent.
 */
export const cancels: Scenario = {
  name: "cancels",
  what: "jobs cancelled while they are scheduled, queued, running, retrying and held; relays and consumers killed",
  rounds: 5,
  load: {
    perSecond: 80,
    mix: { row: 25, group: 20, closing: 30, repeatable: 6, single: 6, ordered: 8, critical: 3, urgent: 0 },
    delayMs: 150,
  },
  inject: async (round) => {
    const { provider, processes } = round.world;
    const end = AbortSignal.timeout(round.quick ? QUICK_MS : FULL_MS);
    provider.misbehave(round.name, TROUBLES);
    round.judges(() => tellEnds(round));
    const kill = (role: "relay" | "consumer", atRandom: number) =>
      carryOut(round, planKills([], { each: 0, atRandom }, round.random), processes[role].slice(0, 1));
    try {
      await Promise.all([
        callOff(round, end),
        pauseAtTimes(round, end),
        kill("consumer", round.quick ? 1 : 8),
        kill("relay", round.quick ? 1 : 4),
      ]);
    } finally {
      provider.misbehave(round.name, {});
    }
  },
};

// One state after the other, so that each is met as often as it can be.
async function callOff(round: Round, end: AbortSignal): Promise<void> {
  for (let turn = 0; !end.aborted; turn += 1) {
    const state = STATES[turn % STATES.length] ?? "queued";
    const job = await pickJob(round.world.db, round.name, state);
    if (job !== undefined) {
      await round.world.db.transaction().execute(async (trx) => {
        const said = await cancel(trx, job, "the laboratory changed its mind");
        await noteCancel(trx, { job, round: round.name, said });
        round.did(`cancelled while ${state}`);
      });
    }
    await sleep(EVERY_MS);
  }
}

// Which ends there were shows whether it was asked in time, and in doubt.
async function tellEnds(round: Round): Promise<undefined> {
  for (const { end, jobs } of await readCancelEnds(round.world.db, round.name))
    round.measured({ name: `asked to be cancelled, ended as ${end}`, value: jobs, unit: "jobs" });
}

async function pauseAtTimes(round: Round, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await sleep(BETWEEN_PAUSES_MS);
    await pauseType(round, KINDS.group.type, PAUSED_MS);
  }
}
