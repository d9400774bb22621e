import { vi } from "vitest";
import { Bell } from "#shared/time/bell.ts";
import { eventually } from "./eventually.ts";

/** What relay and scheduler wait at most before they look by themselves. */
const POLL_MS = 250;

/** The loops of this process that have nothing to do. */
export interface Resting {
  /** Waits until so many have done what they had to, and would look again by their poll alone. */
  readonly until: (loops: number) => Promise<void>;
}

/**
 * Makes the polls of the relays and schedulers in this process useless, until `vi.restoreAllMocks()`: what happens all
 * the same within a test's patience was rung for, or its time had been set.
 */
export function withoutPolls(): Resting {
  const { wait } = Bell.prototype as {
    wait: (this: Bell, ...args: Parameters<Bell["wait"]>) => Promise<boolean>;
  };
  let resting = 0;
  vi.spyOn(Bell.prototype, "wait").mockImplementation(async function (this: Bell, milliseconds, signal) {
    if (milliseconds !== POLL_MS) return wait.call(this, milliseconds, signal);
    resting += 1;
    const rang = await wait.call(this, 60_000, signal);
    resting -= 1;
    return rang;
  });
  const until = async (loops: number) => {
    await eventually(`${loops} loops to rest`, async () => resting === loops);
  };
  return { until };
}
