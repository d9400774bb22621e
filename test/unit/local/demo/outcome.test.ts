import { describe, expect, it } from "vitest";
import { notAtTheirEnd } from "../../../../services/local/demo/not-at-their-end.ts";
import { type RunResult, tellOutcome } from "../../../../services/local/demo/outcome.ts";
import { evidence, withJobs, work } from "./small-run.ts";

const lateness = { p50: 4.2, p99: 38.4 };
const well: RunResult = { work, evidence, checks: [], lateness, elapsedMs: 12_345, inTime: true };

describe("the demo's outcome", () => {
  it("is ok when everything is as expected, and says so with numbers", () => {
    const { ok, summary } = tellOutcome(well);
    expect(ok).toBe(true);
    expect(summary).toContain("Every one of the demo's 13 jobs came to its expected end (12.3 s).");
    expect(summary).toMatch(/payments +3 imported, 2 completed \(1 wrong lines refused\)/);
    expect(summary).toMatch(/charges +1 to a card/);
    expect(summary).toMatch(/dead letters +1: permanent_error after attempt 1/);
    expect(summary).toMatch(/mails +3 about payments, 1 with one-time codes/);
    expect(summary).toMatch(/report +4 rows in \/tmp\/report.csv/);
    expect(summary).toMatch(/lateness +p50 4.2 ms, p99 38 ms/);
  });

  it("fails with an expectation that is not met, and says what was expected and seen", () => {
    const checks = [{ what: "transfers", expected: "188", seen: "187", met: false }];
    const { ok, summary } = tellOutcome({ ...well, checks });
    expect(ok).toBe(false);
    expect(summary).toContain("NOT AS EXPECTED  transfers: expected 188; seen 187");
  });

  it("fails with a job that is not at its end though every expectation is met", () => {
    const held = withJobs("email.otp", (job) => ({ ...job, state: "held", waitsFor: "unreachable: smtp" }));
    const { ok, summary } = tellOutcome({ ...well, evidence: held });
    expect(ok).toBe(false);
    expect(summary).toMatch(/1 email.otp held, attempts: 1, waiting for unreachable: smtp: 01a203d8-\S+$/);
  });

  it("fails when the deadline came first", () => {
    const { ok, summary } = tellOutcome({ ...well, inTime: false });
    expect(ok).toBe(false);
    expect(summary).toContain("did NOT come to its expected end before its deadline");
  });
});

describe("the jobs that are not at their end", () => {
  it("are none when the payable payment is completed and the refused one dead", () => {
    expect(notAtTheirEnd(work, evidence.jobs)).toEqual([]);
  });

  it("include a payable payment that died, with its reference and its last error", () => {
    const { jobs } = withJobs("payment.execute", (job) => {
      return { ...job, state: "dead_lettered", lastError: { message: "no funds" } };
    });
    expect(notAtTheirEnd(work, jobs)).toEqual([
      expect.stringMatching(
        /^1 payment.execute dead_lettered, attempts: 1, last error "no funds": \S+ \(run-1\)$/,
      ),
    ]);
  });

  it("include a refused payment that went through", () => {
    const { jobs } = withJobs("payment.execute", (job) => ({ ...job, state: "completed" }));
    expect(notAtTheirEnd(work, jobs)).toEqual([
      expect.stringMatching(/^1 payment.execute completed.*\(run-2\)$/),
    ]);
  });

  it("stand together when they are alike, the first five by name", () => {
    const [job] = evidence.jobs;
    const jobs = Array.from({ length: 7 }, (_, place) => ({
      ...job!,
      id: `id-${place}`,
      type: "x.y",
      state: "queued" as const,
    }));
    expect(notAtTheirEnd(work, jobs)).toEqual([
      "7 x.y queued, attempts: 1: id-0, id-1, id-2, id-3, id-4 and 2 more",
    ]);
  });
});
