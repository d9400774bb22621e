import { describe, expect, it } from "vitest";
import type { RunCounts } from "../../../../services/local/demo/count-states.ts";
import { jobsOfWork, REPORT_JOBS, stillToCome } from "../../../../services/local/demo/expected-jobs.ts";
import { milliseconds, statesLine, statesTable } from "../../../../services/local/demo/states-table.ts";
import { work } from "./small-run.ts";

const counts: RunCounts = {
  states: [
    { type: "payment.execute", priority: "high", state: "completed", jobs: 1 },
    { type: "payment.execute", priority: "medium", state: "scheduled", jobs: 133 },
    { type: "email.otp", priority: "critical", state: "held", jobs: 2 },
    { type: "email.otp", priority: "critical", state: "retrying", jobs: 3 },
  ],
  lateness: new Map([["high", { p50: 4.25, p99: 38.4 }]]),
};

describe("the table of states", () => {
  const lines = statesTable(counts).split("\n");

  it("has a row for each priority, with retrying and held jobs together", () => {
    const cells = lines.map((line) => line.trim().split(/ {2,}/));
    expect(cells[0]).toEqual([
      "priority",
      "due",
      "queued",
      "running",
      "completed",
      "retrying",
      "dead",
      "late p50",
      "late p99",
    ]);
    expect(lines.filter((line) => /^critical .* 5 /.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^high .* 1 .* 4\.3 ms +38 ms/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^medium +133 /.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^(low|batch)[ ·]+$/.test(line))).toHaveLength(2);
  });

  it("fits into 80 columns", () => {
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("becomes one line where there is no terminal", () => {
    expect(statesLine(counts)).toBe("due 133, queued 0, running 0, completed 1, retrying 5, dead 0");
  });

  it.each([
    [undefined, "·"],
    [0, "0.0 ms"],
    [9.94, "9.9 ms"],
    [38.4, "38 ms"],
  ])("spells %s as %s", (ms, words) => {
    expect(milliseconds(ms)).toBe(words);
  });
});

describe("what is still to come", () => {
  it("counts what has not ended and what is not there yet", () => {
    expect(stillToCome(counts, jobsOfWork(work))).toBe(
      "still to come: codes 5, messages 2, payments 133, charges 1, notices 3, records 3",
    );
  });

  it("is nothing once each expected job has ended, well or not", () => {
    const states = [
      { type: "report.transactions", priority: "low", state: "dead_lettered", jobs: 1 },
    ] as const;
    expect(stillToCome({ states, lateness: new Map() }, REPORT_JOBS)).toBeUndefined();
  });
});
