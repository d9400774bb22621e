import { SendOtp, SendPaymentNotice } from "#shared/contracts/notifications.ts";
import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { ofType } from "../run-jobs.ts";
import { type Check, eachOnce, exactly } from "./check.ts";
import { isRefused } from "./payments.ts";

/** Every payment leads to one notice job and one mail to its payer; every address asked for gets one code. */
export function expectMails(work: GivenWork, { jobs, notices, codes }: Evidence): Check[] {
  const emailOf = new Map(work.payers.map(({ id, email }) => [id, email]));
  const told = work.payments.map((line) => ({
    ...line,
    outcome: isRefused(work, line) ? "failed" : "completed",
  }));
  const wanted = new Set(work.otpEmails);
  return [
    eachOnce(
      "jobs for payment notices",
      told.map(({ reference, outcome }) => `${reference} ${outcome} (job completed)`),
      ofType(jobs, SendPaymentNotice).map(({ payload, state }) => {
        const { reference, outcome } = SendPaymentNotice.payload.parse(payload);
        return `${reference} ${outcome} (job ${state})`;
      }),
    ),
    eachOnce(
      "mails about payments",
      told.map(({ reference, outcome, payer }) => `Payment ${reference} ${outcome} to ${emailOf.get(payer)}`),
      notices.map(({ subject, to }) => `${subject} to ${to.join(", ")}`),
    ),
    exactly(
      "jobs for one-time codes, completed",
      work.otpEmails.length,
      ofType(jobs, SendOtp).filter(({ state }) => state === "completed").length,
    ),
    eachOnce(
      "mails with a one-time code",
      work.otpEmails,
      codes
        .filter(({ text }) => /\b\d{6}\b/.test(text))
        .flatMap(({ to }) => to)
        .filter((address) => wanted.has(address)),
    ),
  ];
}
