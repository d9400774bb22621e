import { describe, expect, it } from "vitest";
import type { Evidence } from "../../../../services/local/demo/evidence/evidence.ts";
import { checkAll } from "../../../../services/local/demo/expectations/check-all.ts";
import { evidence, withJobs, work } from "./small-run.ts";

/** The run is small: it alone does not reach the number of transfers that the demo must. */
const FLOOR = "new transfers on the chain";

function unmet(given: Evidence, of = work): string[] {
  return checkAll(of, given)
    .filter(({ met, what }) => !met && what !== FLOOR)
    .map(({ what }) => what);
}

const [transfer] = evidence.transfers;
const [letter] = evidence.letters;
const [charge] = evidence.charges;
const [notice] = evidence.notices;
const [hello, goodbye] = evidence.messages;
const report = evidence.report!;

// What goes wrong, what is then seen, and which expectation must notice.
const breakages: readonly (readonly [string, Evidence, string])[] = [
  [
    "a payment is still on its way",
    withJobs("payment.execute", (it, place) => (place === 0 ? { ...it, state: "running" } : it)),
    "payments",
  ],
  [
    "a payment has no job",
    withJobs("payment.execute", (it, place) => (place === 0 ? undefined : it)),
    "payments",
  ],
  ["a payment has two jobs", { ...evidence, jobs: [...evidence.jobs, evidence.jobs[0]!] }, "payments"],
  [
    "the refused payment went through",
    withJobs("payment.execute", (it) => ({ ...it, state: "completed" })),
    "payments",
  ],
  [
    "the refused payment was tried twice",
    { ...evidence, letters: [{ ...letter!, attempts: 2 }] },
    "dead letters of payments",
  ],
  [
    "it died of something else",
    { ...evidence, letters: [{ ...letter!, reason: "attempts_exhausted" }] },
    "dead letters of payments",
  ],
  [
    "its copy is not parked",
    { ...evidence, letters: [{ ...letter!, parkedCopies: 0 }] },
    "dead letters of payments",
  ],
  [
    "its copy is parked twice",
    { ...evidence, letters: [{ ...letter!, parkedCopies: 2 }] },
    "dead letters of payments",
  ],
  ["it has no letter", { ...evidence, letters: [] }, "dead letters of payments"],
  ["a card was not charged", { ...evidence, charges: [] }, "charges to cards"],
  ["a card was charged twice", { ...evidence, charges: [charge!, charge!] }, "charges to cards"],
  ["a card was declined", { ...evidence, charges: [{ ...charge!, paid: false }] }, "charges to cards"],
  ["another sum was charged", { ...evidence, charges: [{ ...charge!, amount: 249 }] }, "charges to cards"],
  ["nothing moved on the chain", { ...evidence, transfers: [] }, "transfers on the chain"],
  ["a payment was made twice", { ...evidence, transfers: [transfer!, transfer!] }, "transfers on the chain"],
  [
    "a transfer belongs to no payment",
    { ...evidence, transfers: [transfer!, { ...transfer!, reference: undefined }] },
    "transfers on the chain",
  ],
  [
    "another amount moved",
    { ...evidence, transfers: [{ ...transfer!, amount: "2.51" }] },
    "transfers on the chain",
  ],
  [
    "another recipient was paid",
    { ...evidence, transfers: [{ ...transfer!, recipient: "0x22" }] },
    "transfers on the chain",
  ],
  [
    "another wallet paid",
    { ...evidence, transfers: [{ ...transfer!, payer: "0x22" }] },
    "transfers on the chain",
  ],
  [
    "a notice job is missing",
    withJobs("email.payment-notice", (it, place) => (place === 0 ? undefined : it)),
    "jobs for payment notices",
  ],
  [
    "a notice job died",
    withJobs("email.payment-notice", (it) => ({ ...it, state: "dead_lettered" })),
    "jobs for payment notices",
  ],
  ["a notice did not arrive", { ...evidence, notices: [notice!] }, "mails about payments"],
  [
    "a notice arrived twice",
    { ...evidence, notices: [...evidence.notices, notice!] },
    "mails about payments",
  ],
  [
    "a notice went to somebody else",
    { ...evidence, notices: evidence.notices.map((it) => ({ ...it, to: ["bob@example.test"] })) },
    "mails about payments",
  ],
  [
    "a code's job is held",
    withJobs("email.otp", (it) => ({ ...it, state: "held" })),
    "jobs for one-time codes, completed",
  ],
  ["a code did not arrive", { ...evidence, codes: [] }, "mails with a one-time code"],
  [
    "a mail holds no code",
    { ...evidence, codes: evidence.codes.map((it) => ({ ...it, text: "no code" })) },
    "mails with a one-time code",
  ],
  ["a message is missing", { ...evidence, messages: [hello!] }, "messages to +1555, in order"],
  [
    "a message came twice",
    { ...evidence, messages: [hello!, goodbye!, goodbye!] },
    "messages to +1555, in order",
  ],
  [
    "messages came in the wrong order",
    { ...evidence, messages: [goodbye!, hello!] },
    "messages to +1555, in order",
  ],
  [
    "an outcome is not recorded",
    withJobs("transaction.record", (it, place) => (place === 1 ? undefined : it)),
    "transactions recorded",
  ],
  [
    "the report's job died",
    withJobs("report.transactions", (it) => ({ ...it, state: "dead_lettered" })),
    "report job",
  ],
  ["there is no report file", { ...evidence, report: undefined }, "rows in the report's file"],
  [
    "the report lacks rows that its job wrote",
    { ...evidence, report: { ...report, claimedRows: 5 } },
    "rows in the report's file",
  ],
  [
    "the report lacks a payment",
    { ...evidence, report: { ...report, claimedRows: 3, rows: report.rows.slice(1) } },
    "rows of the report about this run",
  ],
  [
    "the report names a payment twice",
    { ...evidence, report: { ...report, claimedRows: 5, rows: [...report.rows, report.rows[0]!] } },
    "rows of the report about this run",
  ],
];

describe("the demo's expectations", () => {
  it("are met by a run that went well", () => {
    expect(unmet(evidence)).toEqual([]);
  });

  it.each(breakages)("notice that %s", (_story, given, what) => {
    expect(unmet(given)).toContain(what);
  });

  it("notice that the import refused other lines than the wrong ones", () => {
    expect(unmet(evidence, { ...work, refusedLines: 2 })).toEqual(["wrong lines that the import refused"]);
  });

  it("ask for at least 180 transfers", () => {
    const floor = (number: number) => {
      const transfers = Array.from({ length: number }, () => transfer!);
      return checkAll(work, { ...evidence, transfers }).find(({ what }) => what === FLOOR)?.met;
    };
    expect([floor(179), floor(180)]).toEqual([false, true]);
  });
});
