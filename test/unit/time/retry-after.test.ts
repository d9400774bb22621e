import { expect, test } from "vitest";
import { retryAfterMs } from "#shared/time/retry-after.ts";

const now = Date.parse("2026-05-01T10:00:00Z");

test.each([
  ["0", 0],
  ["7", 7_000],
  [" 120 ", 120_000],
  ["Fri, 01 May 2026 10:00:30 GMT", 30_000],
  ["Friday, 01-May-26 10:00:30 GMT", 30_000],
  ["Fri, 01 May 2026 09:59:00 GMT", 0],
])('"%s" means %i ms', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms);
});

test.each([null, "", "-1", "1.5", "soon", "Fri, soon"])('"%s" means nothing', (header) => {
  expect(retryAfterMs(header, now)).toBeUndefined();
});
