import type { GivenWork } from "./demo-inputs.ts";
import { refusedLines } from "./expectations/payments.ts";
import { type PaymentJob, payingJobs, paymentJobs, type RunJob } from "./run-jobs.ts";

const NAMED = 5;

/** Says of every job that is not where it should have ended: its state, its last error and what it waits for. */
export function notAtTheirEnd(work: GivenWork, jobs: readonly RunJob[]): string[] {
  const refused = new Set(refusedLines(work).map(({ reference }) => reference));
  const payments = paymentJobs(jobs).filter(
    ({ state, reference }) => state !== (refused.has(reference ?? "") ? "dead_lettered" : "completed"),
  );
  const paying = new Set(payingJobs(jobs));
  const others = jobs.filter((job) => !paying.has(job) && job.state !== "completed");
  const alike = Map.groupBy<string, RunJob | PaymentJob>([...payments, ...others], condition);
  return [...alike].map(([how, group]) => `${group.length} ${how}: ${names(group)}`);
}

function condition({ type, state, attempt, waitsFor, lastError }: RunJob): string {
  const words = [
    `${type} ${state}`,
    ...(attempt > 0 ? [`attempts: ${attempt}`] : []),
    ...(waitsFor === null ? [] : [`waiting for ${waitsFor}`]),
    ...(lastError?.message === undefined ? [] : [`last error "${lastError.message}"`]),
  ];
  return words.join(", ");
}

function names(jobs: readonly (RunJob | PaymentJob)[]): string {
  const more = jobs.length > NAMED ? ` and ${jobs.length - NAMED} more` : "";
  const named = jobs.slice(0, NAMED).map((job) => {
    return "reference" in job && job.reference !== undefined ? `${job.id} (${job.reference})` : job.id;
  });
  return named.join(", ") + more;
}
