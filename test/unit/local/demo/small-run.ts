import type { GivenWork } from "../../../../services/local/demo/demo-inputs.ts";
import type { Evidence } from "../../../../services/local/demo/evidence/evidence.ts";
import type { RunJob } from "../../../../services/local/demo/run-jobs.ts";

const refused = "0x000000000000000000000000000000000000dEaD";
const shop = "0x8f004f3c3B860C8E363e263D275A7F87cff9dE83";
const alice = "0x1111111111111111111111111111111111111111";
const hash = "0xfeed";
const onChain = { currency: "DUSD", method: "erc20" } as const;
const byCard = { currency: "USD", method: "card" } as const;

/** A run with one payment that can be made and one that cannot, and one by card. */
export const work: GivenWork = {
  paymentsFile: "payments.csv",
  paymentsText: "",
  wrongLines: 1,
  refusedLines: 1,
  payers: [{ id: "alice", email: "alice@example.test", address: alice }],
  refusedRecipient: refused,
  payments: [
    { reference: "run-1", payer: "alice", recipient: shop.toLowerCase(), amount: "2.5", ...onChain },
    { reference: "run-2", payer: "alice", recipient: refused, amount: "66.6", ...onChain },
    { reference: "run-3", payer: "alice", recipient: "shop:coffee", amount: "24.9", ...byCard },
  ],
  otpEmails: ["alice+run@example.test"],
  conversationFile: "conversation.json",
  conversation: [
    { to: "+1555", text: "Hello" },
    { to: "+1555", text: "Goodbye" },
  ],
};

const ids = { "run-1": uuid(1), "run-2": uuid(2), "run-3": uuid(3) } as const;

function uuid(number: number): string {
  return `01a203d8-3267-7874-9fdf-${String(number).padStart(12, "0")}`;
}

/** A completed job, unless told otherwise. */
function job(number: number, type: string, payload: unknown, other: Partial<RunJob> = {}): RunJob {
  return {
    id: uuid(100 + number),
    type,
    priority: "medium",
    state: "completed",
    attempt: 1,
    payload,
    result: null,
    lastError: null,
    waitsFor: null,
    ...other,
  };
}

function facts(reference: keyof typeof ids, outcome: "completed" | "failed") {
  const paid = outcome === "completed" ? { transactionHash: hash } : { reason: "refused" };
  const paymentId = ids[reference];
  return {
    reference,
    outcome,
    paymentId,
    payer: "alice",
    recipient: "0x",
    amount: "1",
    currency: "DUSD",
    ...paid,
  };
}

function record(number: number, reference: keyof typeof ids, outcome: "completed" | "failed"): RunJob {
  const happened = { eventId: uuid(number), happenedAt: "2026-05-01T10:00:00.000Z" };
  return job(number, "transaction.record", { ...facts(reference, outcome), ...happened });
}

/** What the run leaves behind when all went well. */
export const evidence: Evidence = {
  jobs: [
    job(1, "payment.execute", { paymentId: ids["run-1"] }),
    job(2, "payment.execute", { paymentId: ids["run-2"] }, { state: "dead_lettered" }),
    record(3, "run-1", "completed"),
    record(4, "run-2", "failed"),
    job(5, "email.payment-notice", facts("run-1", "completed")),
    job(6, "email.payment-notice", facts("run-2", "failed")),
    job(7, "email.otp", {}),
    job(8, "message.send", {}),
    job(9, "message.send", {}),
    job(10, "report.transactions", {}),
    job(11, "payment.charge", { paymentId: ids["run-3"] }),
    record(12, "run-3", "completed"),
    job(13, "email.payment-notice", facts("run-3", "completed")),
  ],
  letters: [{ jobId: uuid(102), reason: "permanent_error", attempts: 1, parkedCopies: 1 }],
  transfers: [{ reference: "run-1", transactionHash: hash, payer: alice, recipient: shop, amount: "2.5" }],
  charges: [{ reference: "run-3", paid: true, amount: 2490, currency: "usd" }],
  notices: [
    { to: ["alice@example.test"], subject: "Payment run-1 completed", text: "" },
    { to: ["alice@example.test"], subject: "Payment run-2 failed", text: "" },
    { to: ["alice@example.test"], subject: "Payment run-3 completed", text: "" },
  ],
  codes: [{ to: ["alice+run@example.test"], subject: "Your one-time code", text: "It is 123456" }],
  messages: [
    { to: "1555", text: "Hello", callbackData: null },
    { to: "1555", text: "Goodbye", callbackData: null },
  ],
  report: {
    path: "/tmp/report.csv",
    claimedRows: 4,
    rows: [
      { reference: "run-1", outcome: "completed" },
      { reference: "run-2", outcome: "failed" },
      { reference: "run-3", outcome: "completed" },
      { reference: "another-1", outcome: "completed" },
    ],
  },
};

/** The evidence with the jobs of one type changed; undefined takes one away. */
export function withJobs(type: string, change: (job: RunJob, place: number) => RunJob | undefined): Evidence {
  const own = evidence.jobs.filter((each) => each.type === type);
  const jobs = evidence.jobs.flatMap((each) => {
    const place = own.indexOf(each);
    const changed = place === -1 ? each : change(each, place);
    return changed === undefined ? [] : [changed];
  });
  return { ...evidence, jobs };
}
