import { ExecutePayment } from "#shared/contracts/payments.ts";
import type { GivenWork } from "./demo-inputs.ts";
import { refusedLines } from "./expectations/payments.ts";
import { ofType, type PaymentJob, paymentJobs, type RunJob } from "./run-jobs.ts";

const SHOWN = 20;

/** Says of every job that is not where it should have ended: its state, its last error and what it waits for. */
export function notAtTheirEnd(work: GivenWork, jobs: readonly RunJob[]): string[] {
  const refused = new Set(refusedLines(work).map(({ reference }) => reference));
  const payments = paymentJobs(jobs).filter(
    ({ state, reference }) => state !== (refused.has(reference ?? "") ? "dead_lettered" : "completed"),
  );
  const paying = new Set(ofType(jobs, ExecutePayment));
  const others = jobs.filter((job) => !paying.has(job) && job.state !== "completed");
  const all: readonly (RunJob | PaymentJob)[] = [...payments, ...others];
  const more = all.length > SHOWN ? [`… and ${all.length - SHOWN} more`] : [];
  return [...all.slice(0, SHOWN).map(describe), ...more];
}

function describe(job: RunJob | PaymentJob): string {
  const reference = "reference" in job && job.reference !== undefined ? ` (${job.reference})` : "";
  const words = [
    `${job.type} ${job.id}${reference}`,
    job.state,
    ...(job.attempt > 0 ? [`attempts: ${job.attempt}`] : []),
    ...(job.waitsFor === null ? [] : [`waits for ${job.waitsFor}`]),
    ...(job.lastError?.message === undefined ? [] : [`last error: ${job.lastError.message}`]),
  ];
  return words.join(", ");
}
