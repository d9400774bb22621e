import { afterAll, afterEach, beforeAll } from "vitest";
import { killAll, type RunningProcess } from "../support/service-process.ts";
import { makePaymentsWorld, type PaymentsWorld } from "./payments-world.ts";

/** A payments world of one test file's own. */
export interface UsedPayments {
  /** There once the hooks have run. */
  readonly world: PaymentsWorld;
  /** A payments service that ends with the test. */
  readonly startPayments: (settings?: Readonly<Record<string, string>>) => Promise<RunningProcess>;
  /** Puts right what a test changed. */
  readonly afterTest: (end: () => Promise<unknown>) => void;
}

/** Makes it before the first test of the file and removes it after the last. */
export function usePayments(): UsedPayments {
  const world = {} as { -readonly [Key in keyof PaymentsWorld]: PaymentsWorld[Key] };
  const ends: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    Object.assign(world, await makePaymentsWorld());
  });
  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
  });
  afterAll(async () => {
    await world.remove();
    await killAll();
  });
  return {
    world,
    startPayments: async (settings = {}) => {
      const payments = await world.startPayments(settings);
      ends.push(() => payments.kill());
      return payments;
    },
    afterTest: (end) => void ends.push(end),
  };
}
