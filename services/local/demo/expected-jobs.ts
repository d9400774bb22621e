import type { JobDefinition } from "#shared/contracts/define-job.ts";
import { FINAL_STATES, type JobState } from "#shared/contracts/job-state.ts";
import { SendMessage } from "#shared/contracts/messages.ts";
import { SendOtp, SendPaymentNotice } from "#shared/contracts/notifications.ts";
import { ChargeCard, ExecutePayment } from "#shared/contracts/payments.ts";
import { RecordTransaction, ReportTransactions } from "#shared/contracts/reports.ts";
import { jobsWhere, type RunCounts } from "./count-states.ts";
import type { GivenWork } from "./demo-inputs.ts";

/** Jobs that have to come to an end. */
export interface ExpectedJobs {
  readonly type: string;
  readonly number: number;
  /** What a person calls them. */
  readonly name: string;
}

const FINAL: readonly JobState[] = FINAL_STATES;

/** What was asked for, and what each payment leads to: a mail to its payer and a line for the reports. */
export function jobsOfWork({ payments, otpEmails, conversation }: GivenWork): ExpectedJobs[] {
  return [
    expect(SendOtp, otpEmails.length, "codes"),
    expect(SendMessage, conversation.length, "messages"),
    expect(ExecutePayment, payments.filter(({ method }) => method === "erc20").length, "payments"),
    expect(ChargeCard, payments.filter(({ method }) => method === "card").length, "charges"),
    expect(SendPaymentNotice, payments.length, "notices"),
    expect(RecordTransaction, payments.length, "records"),
  ];
}

/** The report that is asked for when everything else is done. */
export const REPORT_JOBS: readonly ExpectedJobs[] = [expect(ReportTransactions, 1, "reports")];

/** Says how many of the expected jobs have not ended or are not there yet; undefined when that is none. */
export function stillToCome(counts: RunCounts, expected: readonly ExpectedJobs[]): string | undefined {
  const open = expected.flatMap(({ type, number, name }) => {
    const all = jobsWhere(counts, (count) => count.type === type);
    const ended = jobsWhere(counts, (count) => count.type === type && FINAL.includes(count.state));
    const missing = Math.max(all, number) - ended;
    return missing > 0 ? [`${name} ${missing}`] : [];
  });
  return open.length === 0 ? undefined : `still to come: ${open.join(", ")}`;
}

function expect<Payload>({ type }: JobDefinition<Payload>, number: number, name: string): ExpectedJobs {
  return { type, number, name };
}
