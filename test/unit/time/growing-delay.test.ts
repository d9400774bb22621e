import { expect, test } from "vitest";
import { growingDelay } from "#shared/time/growing-delay.ts";

const most = () => 1;
const least = () => 0;

test("the delay doubles with each failure up to its limit", () => {
  const delays = [1, 2, 3, 4, 5, 6].map((failures) => growingDelay(failures, 100, 2_000, most));
  expect(delays).toEqual([100, 200, 400, 800, 1_600, 2_000]);
});

test("jitter takes away at most half", () => {
  expect(growingDelay(3, 100, 2_000, least)).toBe(200);
  expect(growingDelay(30, 100, 2_000, least)).toBe(1_000);
});

test("no failure yet gives the smallest delay", () => {
  expect(growingDelay(0, 100, 2_000, most)).toBe(100);
  expect(growingDelay(-5, 100, 2_000, most)).toBe(100);
});

test("any number of failures gives a finite delay within the limits", () => {
  for (const failures of [31, 1_000, Number.MAX_SAFE_INTEGER]) {
    expect(growingDelay(failures, 1_000, 60_000, most)).toBe(60_000);
  }
});

test("with its own chance the delays of many who fail together differ", () => {
  const delays = Array.from({ length: 50 }, () => growingDelay(10, 100, 60_000));
  expect(new Set(delays).size).toBeGreaterThan(10);
  expect(delays.every((delay) => delay >= 25_600 && delay <= 51_200)).toBe(true);
});
