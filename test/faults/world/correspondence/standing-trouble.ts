import { setTimeout as sleep } from "node:timers/promises";
import type { NamedFault } from "../ordered-faults.ts";
import type { ChatProcess } from "./chat-process.ts";
import type { MailboxProcess } from "./mailbox-process.ts";

const ALWAYS = 1_000_000;
/** In the quick form, which has few posts, each fault comes so many times as often. */
const QUICKER = 5;

const BURST: NamedFault = {
  name: "chat: 429",
  fault: { kind: "429", retryAfterS: 1, every: 2, count: ALWAYS },
};
const BURST_MS = 1_500;
const BETWEEN_MS = { full: 6_000, quick: 3_000 };

/** Troubles that cost no attempt, whomever they strike, at the mailbox and the chat API. */
export interface StandingTrouble {
  /** Ends it: what strikes from then on was planned for somebody. */
  readonly end: () => Promise<void>;
}

/** Begins it: connections that are refused, slow answers, and bursts of 429. */
export async function beginStandingTrouble(
  { mailbox, chat }: { readonly mailbox: MailboxProcess; readonly chat: ChatProcess },
  quick: boolean,
): Promise<StandingTrouble> {
  const over = new AbortController();
  const pause = (ms: number) => sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  const slow = { kind: "slow", delayMs: 300, every: 50 / (quick ? QUICKER : 1), count: ALWAYS };
  const refuse = { kind: "refuse", every: 3, count: ALWAYS };
  await mailbox.faults.order([
    { name: "mailbox: 421", fault: refuse },
    { name: "mailbox: slow", fault: slow },
  ]);
  await chat.faults.order([{ name: "chat: slow", fault: slow }]);
  const bursts = (async () => {
    while (!over.signal.aborted) {
      await pause(quick ? BETWEEN_MS.quick : BETWEEN_MS.full);
      if (over.signal.aborted) break;
      await chat.faults.order([BURST]);
      await pause(BURST_MS);
      // By time and not by count: behind an open breaker few come to be refused.
      await chat.faults.clear("429");
    }
  })();
  return {
    end: async () => {
      over.abort();
      await bursts;
      for (const kind of ["refuse", "slow"]) await mailbox.faults.clear(kind);
      await chat.faults.clear("slow");
    },
  };
}
