import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";

const FAULTS = {
  effectThenCut: 0.025,
  effectThenSilence: 0.025,
  silenceThenEffect: 0.01,
  effectThenGatewayError: 0.02,
  serverError: 0.05,
};
/** As the table names them. */
const NAMES: Readonly<Record<string, string>> = {
  effectThenCut: "effect, then cut",
  effectThenSilence: "effect, then silence",
  silenceThenEffect: "silence, then effect",
  effectThenGatewayError: "effect, then 504",
  serverError: "500",
  tooMany: "429",
};
const BURST = { ...FAULTS, tooMany: 0.9 };
const BURST_MS = 1500;
const BETWEEN_MS = 8500;

/** The provider makes effects and does not say so, fails, and has too much to do at times. */
export const providerFaults: Scenario = {
  name: "provider-faults",
  what: "a provider with 5 % effect and no answer, 1 % effect long after the wait, 2 % effect and 504, 5 % 500, bursts of 429",
  rounds: 10,
  // Each silence keeps a worker for 3 s.
  load: { perSecond: 80, mix: { keyed: 50, closing: 30, repeatable: 10, single: 10 } },
  inject: async (round) => {
    const { provider } = round.world;
    for (let bursts = 0; bursts < (round.quick ? 1 : 7); bursts += 1) {
      provider.misbehave(round.name, FAULTS);
      await sleep(BETWEEN_MS);
      provider.misbehave(round.name, BURST);
      await sleep(BURST_MS);
    }
    provider.misbehave(round.name, {});
    for (const [fault, times] of Object.entries(provider.struck(round.name)))
      for (let time = 0; time < times; time += 1) round.did(`provider: ${NAMES[fault] ?? fault}`);
  },
};
