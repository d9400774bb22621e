import { expect, test } from "vitest";
import { parseDuration } from "#shared/time/parse-duration.ts";

test.each([
  ["0s", 0],
  ["500ms", 500],
  ["3s", 3_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
])("%s is %i ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "5", "-3s", "1.5h", "3 s", "five minutes", "3sm"])('"%s" is refused', (text) => {
  expect(() => parseDuration(text)).toThrow(RangeError);
});
