import { setTimeout as sleep } from "node:timers/promises";
import type { NamedFault } from "../ordered-faults.ts";
import type { ChainFaults } from "./chain-proxy.ts";
import type { PaymentsBranch } from "./payments-branch.ts";

const ALWAYS = 1_000_000;
const EVERYWHERE = ["create", "confirm", "retrieve", "cancel"];
/** The client gives up after 20 s. */
const SILENCE_MS = 25_000;

/** In the quick form, which has few charges, each fault comes so many times as often. */
const QUICKER = 5;

/** Bytes that do not reach the node are offered again. */
const SENDING: ChainFaults = { cutAfter: 0.05, unavailableAfter: 0.025, unavailable: 0.1 };
const QUICK_SENDING: ChainFaults = { ...SENDING, unavailable: 0.3 };
const ASKING: ChainFaults = { cutAfter: 0.01, unavailable: 0.025 };
const BURST: ChainFaults = { tooMany: 0.8 };
const BURST_MS = 1_500;
const BETWEEN_MS = 6_000;

/** Trouble at the card processor and at the chain, without an end. */
export interface Trouble {
  /** Ends it; resolves to how often each fault struck. */
  readonly end: () => Promise<Readonly<Record<string, number>>>;
}

/** Begins it: every fault all the time, and bursts of 429 at both. */
export async function beginTrouble({ cards, chain }: PaymentsBranch, quick: boolean): Promise<Trouble> {
  const over = new AbortController();
  const pause = (ms: number) => sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  const { silence, standing } = cardFaults(quick);
  await cards.faults.order([...silence, ...standing]);
  const tooMany = strike("429", { kind: "429", on: EVERYWHERE, every: 2 });
  const bursts = (async () => {
    while (!over.signal.aborted) {
      chain.misbehave(quick ? QUICK_SENDING : SENDING, ASKING);
      await pause(BETWEEN_MS);
      if (over.signal.aborted) break;
      await cards.faults.order([tooMany]);
      chain.misbehave(BURST, BURST);
      await pause(BURST_MS);
      // By time and not by count: behind an open breaker few come to be refused.
      await cards.faults.clear();
      await cards.faults.order(standing);
    }
  })();
  return {
    end: async () => {
      over.abort();
      await bursts;
      await cards.faults.clear();
      chain.misbehave({}, {});
      return { ...cards.faults.struck(), ...chain.struck() };
    },
  };
}

/** 5 % that take the money and do not answer, 2.5 % each that take it or not and answer 5xx, and the rest. */
function cardFaults(quick: boolean): Readonly<Record<"silence" | "standing", readonly NamedFault[]>> {
  const one = (inSoMany: number) => ({ every: inSoMany / (quick ? QUICKER : 1) });
  const silence = strike("taken, silence", {
    kind: "timeout-after-effect",
    delayMs: SILENCE_MS,
    count: 3,
    ...one(20),
  });
  const standing = [
    strike("taken, cut", { kind: "timeout-after-effect", delayMs: 100, ...one(20) }),
    strike("taken, 500", { kind: "5xx", effect: true, ...one(80) }),
    strike("taken, 503", { kind: "5xx", status: 503, effect: true, ...one(80) }),
    strike("500", { kind: "5xx", on: ["create", "confirm"], ...one(80) }),
    strike("502", { kind: "5xx", status: 502, on: EVERYWHERE, ...one(80) }),
    strike("reset", { kind: "reset", on: EVERYWHERE, ...one(100) }),
    strike("slow", { kind: "slow", delayMs: 300, ...one(100) }),
    strike("declined for good", { kind: "decline", code: "lost_card", ...one(100) }),
    strike("declined for a day", { kind: "decline", code: "insufficient_funds", ...one(100) }),
  ];
  return { silence: quick ? [] : [silence], standing };
}

function strike(
  what: string,
  fault: { readonly kind: string; readonly count?: number } & Readonly<Record<string, unknown>>,
): NamedFault {
  return { name: `cards: ${what}`, fault: { count: ALWAYS, ...fault } };
}
