import { expect, test } from "vitest";
import { LowWater } from "#shared/outbox/low-water.ts";

const LAG = 5_000;
const FULL_LOOK = 30_000;

/** A mark that has had its first, full look at `at`. */
function looked(at: number): LowWater {
  const mark = new LowWater(LAG, FULL_LOOK);
  expect(mark.above(at)).toBe(0n);
  return mark;
}

test("the mark follows what went out only after the lag", () => {
  const mark = looked(100_000);
  mark.reached(40n, 100_000);
  expect(mark.above(100_000 + LAG - 1)).toBe(0n);
  expect(mark.above(100_000 + LAG)).toBe(40n);
});

test("every half minute the claim looks from the beginning, once", () => {
  const mark = looked(100_000);
  mark.reached(40n, 100_000);
  expect(mark.above(100_000 + FULL_LOOK - 1)).toBe(40n);
  expect(mark.above(100_000 + FULL_LOOK)).toBe(0n);
  expect(mark.above(100_000 + FULL_LOOK + 1)).toBe(40n);
});

test("the very first claim looks from the beginning", () => {
  expect(new LowWater().above(Date.now())).toBe(0n);
});

test("the mark never falls, and an id below it does not move it", () => {
  const mark = looked(100_000);
  mark.reached(40n, 100_000);
  mark.reached(7n, 101_000);
  expect(mark.above(107_000)).toBe(40n);
  mark.reached(8n, 107_000);
  expect(mark.above(113_000)).toBe(40n);
});

test("marks that are merged are merged to the lower id, so nothing younger than the lag is skipped", () => {
  const mark = looked(100_000);
  mark.reached(10n, 100_000);
  mark.reached(20n, 100_000 + LAG / 10 - 1);
  mark.reached(30n, 100_000 + LAG / 10);
  expect(mark.above(100_000 + LAG + LAG / 10 - 1)).toBe(10n);
  expect(mark.above(100_000 + LAG + LAG / 10)).toBe(30n);
});

test("under steady load the marks kept are bounded and the mark keeps up with the lag", () => {
  const mark = looked(0);
  let above = 0n;
  for (let now = 1; now <= 20_000; now += 1) {
    mark.reached(BigInt(now), now);
    above = mark.above(now);
  }
  expect(Number(above)).toBeLessThanOrEqual(20_000 - LAG);
  expect(Number(above)).toBeGreaterThan(20_000 - LAG - LAG / 5);
});

test("after a reset everything is looked at again", () => {
  const mark = looked(100_000);
  mark.reached(40n, 100_000);
  expect(mark.above(106_000)).toBe(40n);
  mark.reached(50n, 106_000);
  mark.reset();
  expect(mark.above(120_000)).toBe(0n);
});
