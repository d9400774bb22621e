import type { GivenWork } from "../demo-inputs.ts";
import type { DemoRun } from "../demo-run.ts";
import { type RunJob, readRunJobs } from "../run-jobs.ts";
import { type CardCharge, cardCharges } from "./card-charges.ts";
import { type ChainTransfer, chainTransfers } from "./chain-transfers.ts";
import { type DeadLetter, deadLetters } from "./dead-letters.ts";
import { type DeliveredMail, deliveredMails } from "./delivered-mails.ts";
import { type ReportFile, reportFile } from "./report-file.ts";
import { type SentMessage, sentMessages } from "./sent-messages.ts";

/** Everything that a run left behind, in Duly and in the outside world. */
export interface Evidence {
  readonly jobs: readonly RunJob[];
  readonly letters: readonly DeadLetter[];
  readonly transfers: readonly ChainTransfer[];
  readonly charges: readonly CardCharge[];
  readonly notices: readonly DeliveredMail[];
  readonly codes: readonly DeliveredMail[];
  readonly messages: readonly SentMessage[];
  readonly report: ReportFile | undefined;
}

/** Gathers what the run left behind until now. */
export async function gatherEvidence(run: DemoRun, work: GivenWork): Promise<Evidence> {
  const jobs = await readRunJobs(run);
  const phones = [...new Set(work.conversation.map(({ to }) => to))];
  const [letters, transfers, charges, notices, codes, messages, report] = await Promise.all([
    deadLetters(run, jobs),
    chainTransfers(run, work, jobs),
    cardCharges(run),
    deliveredMails(run, `Payment ${run.label}-`),
    deliveredMails(run, "one-time code"),
    sentMessages(run, phones, jobs),
    reportFile(jobs),
  ]);
  return { jobs, letters, transfers, charges, notices, codes, messages, report };
}
