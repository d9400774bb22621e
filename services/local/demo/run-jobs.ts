import { sql } from "kysely";
import type { JobState } from "#shared/contracts/job-state.ts";
import { ChargeCard, ExecutePayment } from "#shared/contracts/payments.ts";
import type { Priority } from "#shared/contracts/priority.ts";
import { RecordTransaction } from "#shared/contracts/reports.ts";
import type { DemoRun } from "./demo-run.ts";

// Far more than a run makes, so that a job that enqueues without end is seen and not read without end.
const MOST_JOBS = 5_000;

/** A job of the run. */
export interface RunJob {
  readonly id: string;
  readonly type: string;
  readonly priority: Priority;
  readonly state: JobState;
  /** Attempts made so far. */
  readonly attempt: number;
  readonly payload: unknown;
  readonly result: unknown;
  readonly lastError: { readonly message?: string } | null;
  readonly waitsFor: string | null;
}

/** A job that pays, with the reference of its payment where that is known. */
export interface PaymentJob extends RunJob {
  readonly reference: string | undefined;
}

/** Reads the run's jobs, in the order of their ids. */
export async function readRunJobs({ db, began, correlationId }: DemoRun): Promise<RunJob[]> {
  const { rows } = await sql<RunJob>`
    select id, type, priority, state, attempt, payload, result, last_error as "lastError", waits_for as "waitsFor"
    from duly.jobs where id >= duly.first_id_at(${began}) and correlation_id = ${correlationId}
    order by id limit ${MOST_JOBS}
  `.execute(db);
  return rows;
}

/** The jobs of one type. */
export function ofType(jobs: readonly RunJob[], { type }: { readonly type: string }): RunJob[] {
  return jobs.filter((job) => job.type === type);
}

/** The jobs that pay, on chain or by card. */
export function payingJobs(jobs: readonly RunJob[]): RunJob[] {
  return [...ofType(jobs, ExecutePayment), ...ofType(jobs, ChargeCard)];
}

/** The jobs that pay, with their payments; a payment's job names no reference, what was recorded of its outcome does. */
export function paymentJobs(jobs: readonly RunJob[]): PaymentJob[] {
  const recorded = ofType(jobs, RecordTransaction).map(({ payload }) =>
    RecordTransaction.payload.parse(payload),
  );
  const references = new Map(recorded.map(({ paymentId, reference }) => [paymentId, reference]));
  return payingJobs(jobs).map((job) => {
    const { paymentId } = ExecutePayment.payload.parse(job.payload);
    return { ...job, reference: references.get(paymentId) };
  });
}
