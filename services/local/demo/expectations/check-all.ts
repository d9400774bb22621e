import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { expectCharges } from "./charges.ts";
import type { Check } from "./check.ts";
import { expectConversation } from "./conversation.ts";
import { expectMails } from "./mails.ts";
import { expectPayments } from "./payments.ts";
import { expectReport } from "./report.ts";
import { expectTransfers } from "./transfers.ts";

/** Holds everything that a run was to bring about against what it left behind. */
export function checkAll(work: GivenWork, evidence: Evidence): Check[] {
  const expectations = [
    expectPayments,
    expectTransfers,
    expectCharges,
    expectMails,
    expectConversation,
    expectReport,
  ];
  return expectations.flatMap((expectation) => expectation(work, evidence));
}
