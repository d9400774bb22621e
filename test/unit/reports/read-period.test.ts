import { expect, test } from "vitest";
import { ReportTransactions } from "#shared/contracts/reports.ts";
import { readPeriod } from "../../../services/reports/read-period.ts";

const now = new Date("2026-05-01T10:00:00Z");

test("both ends are read, whatever their zone, into what the contract takes", () => {
  const period = readPeriod({ from: "2026-05-01T10:00:00+02:00", until: "2026-05-01T09:00:00Z" }, now);
  expect(period).toEqual({ from: "2026-05-01T08:00:00.000Z", until: "2026-05-01T09:00:00.000Z" });
  expect(ReportTransactions.payload.parse(period)).toEqual(period);
});

test("--last counts back from now", () => {
  expect(readPeriod({ last: "1h" }, now)).toEqual({
    from: "2026-05-01T09:00:00.000Z",
    until: "2026-05-01T10:00:00.000Z",
  });
});

test.each([
  [{}],
  [{ from: "2026-05-01T10:00:00Z" }],
  [{ from: "2026-05-01T10:00:00Z", last: "1h" }],
  [{ from: "2026-05-01T10:00:00Z", until: "2026-05-01T10:00:00Z" }],
  [{ from: "2026-05-02T10:00:00Z", until: "2026-05-01T10:00:00Z" }],
  [{ from: "2026-05-01T10:00:00", until: "2026-05-02T10:00:00Z" }],
  [{ from: "yesterday", until: "2026-05-02T10:00:00Z" }],
  [{ last: "a while" }],
])("%j is refused", (options) => {
  expect(() => readPeriod(options, now)).toThrow(/--|duration/);
});
