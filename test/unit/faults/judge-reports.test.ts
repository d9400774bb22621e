import { expect, test } from "vitest";
import {
  judgeReports,
  type ReportFate,
  type ReportFile,
  type ReportsEvidence,
  type TransactionFate,
} from "../../faults/world/correspondence/judge-reports.ts";

const order = { from: "", until: "", lines: ["one", "two"], afterMs: 0 };
const fate: ReportFate = {
  job: "j",
  state: "completed",
  attempts: 1,
  letters: 0,
  records: 1,
  recordedLines: 2,
};
const file: ReportFile = { name: "j.csv", lines: ["one", "two"] };
const transaction: TransactionFate = { job: "t", state: "completed", attempts: 1, isRecorded: true };
const whole: ReportsEvidence = {
  orders: new Map([["j", order]]),
  fates: [fate],
  files: [file],
  transactions: [transaction],
};

test("a report with all of its lines and nothing beside it is what was promised", () => {
  expect(judgeReports(whole)).toEqual({ committed: 2, lost: [], duplicates: [], wrongEnds: [] });
});

test.each<[string, Partial<ReportsEvidence>, "lost" | "duplicates" | "wrongEnds", RegExp]>([
  ["a report without a job", { fates: [] }, "lost", /no such job/],
  ["a report that never ended", { fates: [{ ...fate, state: "running" }] }, "lost", /is running/],
  ["a report that nobody wrote down", { fates: [{ ...fate, records: 0 }] }, "lost", /not recorded/],
  ["a report without its file", { files: [] }, "lost", /there is no file/],
  ["a line that is missing", { files: [{ ...file, lines: ["one"] }] }, "lost", /1 lines of 2/],
  [
    "a transaction that never ended",
    { transactions: [{ ...transaction, state: "queued" }] },
    "lost",
    /queued/,
  ],
  [
    "a transaction without its row",
    { transactions: [{ ...transaction, isRecorded: false }] },
    "lost",
    /not recorded/,
  ],
  ["a report written down twice", { fates: [{ ...fate, records: 2 }] }, "duplicates", /recorded 2 times/],
  [
    "a line that stands there twice",
    { files: [{ ...file, lines: ["one", "one", "two"] }] },
    "duplicates",
    /3 lines instead of 2/,
  ],
  ["a dead letter", { fates: [{ ...fate, state: "dead_lettered" }] }, "wrongEnds", /dead letter/],
  ["a letter of a completed report", { fates: [{ ...fate, letters: 1 }] }, "wrongEnds", /dead letter/],
  ["a file that is not whole", { files: [{ ...file, lines: undefined }] }, "wrongEnds", /not whole/],
  ["lines in another order", { files: [{ ...file, lines: ["two", "one"] }] }, "wrongEnds", /line 1 .* two/],
  ["a record of other lines", { fates: [{ ...fate, recordedLines: 1 }] }, "wrongEnds", /with 1 lines/],
  ["a second attempt", { fates: [{ ...fate, attempts: 2 }] }, "wrongEnds", /2 attempts/],
  [
    "a transaction's second attempt",
    { transactions: [{ ...transaction, attempts: 2 }] },
    "wrongEnds",
    /2 attempts/,
  ],
  [
    "a half-written file that stays",
    { files: [file, { name: "j.csv.1.part", lines: [] }] },
    "wrongEnds",
    /j\.csv\.1\.part is no report/,
  ],
])("%s is seen", (_, evidence, kind, words) => {
  expect(judgeReports({ ...whole, ...evidence })[kind]).toEqual([expect.stringMatching(words)]);
});
