import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import type { PaymentLine } from "../payment-lines.ts";
import { paymentJobs } from "../run-jobs.ts";
import { type Check, eachOnce, exactly } from "./check.ts";

/** Every line taken is paid by one job; those to the refused recipient die at their first attempt and are parked. */
export function expectPayments(work: GivenWork, { jobs, letters }: Evidence): Check[] {
  const paying = paymentJobs(jobs);
  const referenceOf = new Map(paying.map(({ id, reference }) => [id, reference ?? `job ${id}`]));
  return [
    exactly("wrong lines that the import refused", work.wrongLines, work.refusedLines),
    eachOnce(
      "payments",
      work.payments.map(
        (line) => `${line.reference} ${isRefused(work, line) ? "dead_lettered" : "completed"}`,
      ),
      paying.map(({ id, state }) => `${referenceOf.get(id)} ${state}`),
    ),
    eachOnce(
      "dead letters of payments",
      refusedLines(work).map(({ reference }) => describe(reference, "permanent_error", 1, 1)),
      letters.map(({ jobId, reason, attempts, parkedCopies }) =>
        describe(referenceOf.get(jobId), reason, attempts, parkedCopies),
      ),
    ),
  ];
}

/** Whether the token refuses transfers to the line's recipient. */
export function isRefused({ refusedRecipient }: GivenWork, { recipient }: PaymentLine): boolean {
  return recipient.toLowerCase() === refusedRecipient.toLowerCase();
}

/** The lines that cannot be paid. */
export function refusedLines(work: GivenWork): PaymentLine[] {
  return work.payments.filter((line) => isRefused(work, line));
}

function describe(
  reference: string | undefined,
  reason: string,
  attempts: number,
  parkedCopies: number,
): string {
  return `${reference} (${reason}, attempts: ${attempts}, copies parked in RabbitMQ: ${parkedCopies})`;
}
