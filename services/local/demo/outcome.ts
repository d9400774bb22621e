import { relative } from "node:path";
import { ROOT } from "../processes/node-program.ts";
import type { Lateness } from "./count-states.ts";
import type { GivenWork } from "./demo-inputs.ts";
import type { Evidence } from "./evidence/evidence.ts";
import type { Check } from "./expectations/check.ts";
import { notAtTheirEnd } from "./not-at-their-end.ts";
import { paymentJobs } from "./run-jobs.ts";
import { milliseconds } from "./states-table.ts";

/** How a demo went, and what to tell the person. */
export interface DemoOutcome {
  /** Whether every expectation was met. */
  readonly ok: boolean;
  readonly summary: string;
}

/** What a run has to show for itself. */
export interface RunResult {
  readonly work: GivenWork;
  readonly evidence: Evidence;
  readonly checks: readonly Check[];
  readonly lateness: Lateness | undefined;
  readonly elapsedMs: number;
  /** Whether the jobs came to an end before the deadline. */
  readonly inTime: boolean;
}

/** Tells how a run went: its numbers, then every expectation that was not met and every job behind that. */
export function tellOutcome(result: RunResult): DemoOutcome {
  const { work, evidence, checks, elapsedMs, inTime } = result;
  const unmet = checks.filter(({ met }) => !met);
  const stuck = notAtTheirEnd(work, evidence.jobs);
  const ok = inTime && unmet.length === 0 && stuck.length === 0;
  const verdict = ok
    ? `Every one of the demo's ${evidence.jobs.length} jobs came to its expected end`
    : `The demo did NOT come to its expected end${inTime ? "" : " before its deadline"}`;
  const lines = [
    `${verdict} (${(elapsedMs / 1000).toFixed(1)} s).`,
    ...numbers(result).map(([name, text]) => `  ${name.padEnd(14)} ${text}`),
    ...unmet.map(
      ({ what, expected, seen }) => `  NOT AS EXPECTED  ${what}: expected ${expected}; seen ${seen}`,
    ),
    ...(stuck.length > 0 ? ["  Jobs that are not at their expected end:"] : []),
    ...stuck.map((job) => `    ${job}`),
  ];
  return { ok, summary: lines.join("\n") };
}

function numbers({ work, evidence, lateness }: RunResult): (readonly [string, string])[] {
  const { jobs, letters, transfers, charges, notices, codes, messages, report } = evidence;
  const paid = paymentJobs(jobs).filter(({ state }) => state === "completed").length;
  const asked = new Set(work.otpEmails);
  const otps = codes.filter(({ to }) => to.some((address) => asked.has(address))).length;
  const [letter] = letters;
  const why =
    letter === undefined ? "" : `: ${letter.reason} after attempt ${letter.attempts}, copy in RabbitMQ`;
  const where = report === undefined ? "none" : `${report.rows.length} rows in ${nearby(report.path)}`;
  const late =
    lateness === undefined
      ? "unknown"
      : `p50 ${milliseconds(lateness.p50)}, p99 ${milliseconds(lateness.p99)}`;
  return [
    [
      "payments",
      `${work.payments.length} imported, ${paid} completed (${work.refusedLines} wrong lines refused)`,
    ],
    ["transfers", `${transfers.length} new ones on the chain`],
    ["charges", `${charges.filter(({ paid }) => paid).length} to a card`],
    ["dead letters", `${letters.length}${why}`],
    ["mails", `${notices.length} about payments, ${otps} with one-time codes`],
    ["messages", `${messages.length} in the conversation`],
    ["report", where],
    ["lateness", `${late} after the due time, over ${jobs.length} jobs`],
  ];
}

function nearby(path: string): string {
  const below = relative(ROOT, path);
  return below.startsWith("..") ? path : below;
}
