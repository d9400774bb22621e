import { RecordTransaction, ReportTransactions } from "#shared/contracts/reports.ts";
import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { ofType } from "../run-jobs.ts";
import { type Check, eachOnce, exactly } from "./check.ts";
import { isRefused } from "./payments.ts";

/** Every outcome was recorded once, and the report asked for afterwards has a row for each. */
export function expectReport(work: GivenWork, { jobs, report }: Evidence): Check[] {
  const own = new Set(work.payments.map(({ reference }) => reference));
  const outcomes = work.payments.map((line) => {
    return `${line.reference} ${isRefused(work, line) ? "failed" : "completed"}`;
  });
  const recorded = ofType(jobs, RecordTransaction).map(({ payload, state }) => {
    const { reference, outcome } = RecordTransaction.payload.parse(payload);
    return state === "completed" ? `${reference} ${outcome}` : `${reference} ${outcome} (job ${state})`;
  });
  const states = ofType(jobs, ReportTransactions).map(({ state }) => state);
  const rows = report?.rows ?? [];
  return [
    eachOnce("transactions recorded", outcomes, recorded),
    exactly("report job", "completed", states.join(", ") || "none"),
    exactly("rows in the report's file", report?.claimedRows ?? "a file", report?.rows.length ?? "none"),
    eachOnce(
      "rows of the report about this run",
      outcomes,
      rows
        .filter(({ reference }) => own.has(reference))
        .map(({ reference, outcome }) => `${reference} ${outcome}`),
    ),
  ];
}
