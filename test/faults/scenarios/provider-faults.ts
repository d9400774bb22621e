import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";

const FAULTS = { effectThenSilence: 0.05, effectThenGatewayError: 0.02, serverError: 0.05 };
const BURST = { ...FAULTS, tooMany: 0.9 };
const BURST_MS = 1500;
const BETWEEN_MS = 8500;

/** The provider makes effects and does not say so, fails, and has too much to do at times. */
export const providerFaults: Scenario = {
  name: "provider-faults",
  what: "a provider with 5 % effect without an answer, 2 % effect and 504, 5 % 500, and bursts of 429",
  rounds: 10,
  load: { perSecond: 150, mix: { keyed: 80, repeatable: 10, single: 10 } },
  inject: async (round) => {
    const { provider } = round.world;
    const before = provider.struck();
    for (let bursts = 0; bursts < (round.quick ? 1 : 7); bursts += 1) {
      provider.misbehave(round.name, FAULTS);
      await sleep(BETWEEN_MS);
      provider.misbehave(round.name, BURST);
      await sleep(BURST_MS);
    }
    provider.misbehave(round.name, {});
    for (let struck = before; struck < provider.struck(); struck += 1) round.did("provider failed");
  },
};
