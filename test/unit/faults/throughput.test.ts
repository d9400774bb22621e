import { expect, test } from "vitest";
import { recoveryOf, type Sample } from "../../faults/world/throughput.ts";

/** One sample each 250 ms, from the effects per second of each second. */
function samplesOf(...perSecond: readonly number[]): Sample[] {
  const samples: Sample[] = [{ atMs: 0, effects: 0 }];
  for (const rate of perSecond) {
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const last = samples.at(-1) ?? { atMs: 0, effects: 0 };
      samples.push({ atMs: last.atMs + 250, effects: last.effects + rate / 4 });
    }
  }
  return samples;
}

function recovery(samples: readonly Sample[], beganMs: number, endMs: number): number | undefined {
  return recoveryOf(samples, { beganMs, endMs, perSecond: 100 });
}

test("recovery counts from the end of the cause to the first second with 95 % of the rate before", () => {
  expect(recovery(samplesOf(100, 100, 100, 0, 0, 50, 50, 400, 100), 3000, 5000)).toBeLessThanOrEqual(2000);
  expect(recovery(samplesOf(100, 100, 100, 0, 0, 90, 90, 90, 96), 3000, 5000)).toBe(3000);
  expect(recovery(samplesOf(100, 100, 100, 100, 100, 100), 3000, 4000)).toBe(0);
});

test("no recovery, and nothing to compare with, are no figures", () => {
  expect(recovery(samplesOf(100, 100, 100, 0, 0, 10, 10), 3000, 5000)).toBeUndefined();
  expect(recovery(samplesOf(0, 0, 0, 0, 100, 100), 3000, 4000)).toBeUndefined();
});

test("a backlog that was being made up for before the fault is no measure of what comes after it", () => {
  expect(recovery(samplesOf(400, 400, 400, 0, 0, 50, 96), 3000, 5000)).toBe(1000);
});
