import { expect, test } from "vitest";
import {
  type ChargesEvidence,
  judgeCharges,
  type PaymentFate,
  type Taking,
} from "../../faults/world/charges/judge-charges.ts";
import type { Order } from "../../faults/world/charges/orders.ts";

const card: Order = {
  reference: "r 1",
  method: "card",
  payer: "alice",
  recipient: "shop:1",
  amount: 2_490n,
  currency: "USD",
  afterS: 0,
};
const transfer: Order = { ...card, method: "erc20", recipient: "0xabc", currency: "DUSD" };
const completed: PaymentFate = {
  reference: "r 1",
  state: "completed",
  job: "completed",
  attempts: 1,
  mostAttempts: 8,
  failureReason: null,
  completions: 1,
  failures: 0,
  bookings: 1,
  booked: 2_490n,
};
const failed: PaymentFate = {
  ...completed,
  state: "failed",
  job: "dead_lettered",
  failureReason: "declined",
  completions: 0,
  failures: 1,
  bookings: 0,
  booked: 0n,
};
const unbooked = { ...completed, bookings: 0, booked: 0n };
const taking: Taking = { reference: "r 1", took: true, amount: 2_490n, currency: "USD", what: "ch_1" };
const declined: Taking = { ...taking, took: false, what: "ch_0" };
const moved: Taking = { ...taking, currency: "DUSD", what: "transfer 0x1" };

const whole: ChargesEvidence = {
  orders: [card],
  fates: [completed],
  takings: [taking],
  ledgerSums: { USD: 0n },
  refuses: (recipient) => recipient === "0xdead",
};

test.each<[string, Partial<ChargesEvidence>]>([
  ["a card that is charged and booked once", {}],
  ["a charge after a decline", { takings: [declined, taking] }],
  ["a declined card that is given up", { fates: [failed], takings: [declined] }],
  ["a transfer that is made once", { orders: [transfer], fates: [unbooked], takings: [moved] }],
  [
    "a transfer that the token refuses",
    { orders: [{ ...transfer, recipient: "0xdead" }], fates: [failed], takings: [] },
  ],
])("%s is what was promised", (_, evidence) => {
  const verdict = judgeCharges({ ...whole, ...evidence });
  expect(verdict).toEqual({ committed: 1, lost: [], duplicates: [], wrongEnds: [] });
});

test.each<[string, Partial<ChargesEvidence>, "lost" | "duplicates" | "wrongEnds", RegExp]>([
  ["a second charge", { takings: [taking, { ...taking, what: "ch_2" }] }, "duplicates", /ch_1, ch_2/],
  [
    "a second charge of a payment that is not there",
    { fates: [], takings: [taking, taking] },
    "duplicates",
    /taken 2 times/,
  ],
  [
    "a second transfer",
    { orders: [transfer], fates: [unbooked], takings: [moved, moved] },
    "duplicates",
    /taken 2 times/,
  ],
  ["a second line in the books", { fates: [{ ...completed, bookings: 2 }] }, "duplicates", /2 bookings/],
  ["an event told twice", { fates: [{ ...completed, completions: 2 }] }, "duplicates", /2 completions/],
  ["a payment that is not there", { fates: [], takings: [] }, "lost", /no such payment/],
  ["a payment that never ended", { fates: [{ ...completed, state: "scheduled" }] }, "lost", /is scheduled/],
  ["completed without a charge", { takings: [declined] }, "lost", /nothing was taken/],
  ["a charge that is not booked", { fates: [unbooked] }, "lost", /0 bookings/],
  ["an event that was never told", { fates: [{ ...completed, completions: 0 }] }, "lost", /0 completions/],
  ["failed, and charged", { fates: [failed] }, "wrongEnds", /its money was taken/],
  ["failed, and nobody refused", { fates: [failed], takings: [] }, "wrongEnds", /nobody had refused/],
  [
    "a transfer that failed, and nobody refused",
    { orders: [transfer], fates: [failed], takings: [] },
    "wrongEnds",
    /nobody had refused/,
  ],
  ["another amount", { takings: [{ ...taking, amount: 249n }] }, "wrongEnds", /249 USD was taken/],
  ["another currency", { takings: [{ ...taking, currency: "EUR" }] }, "wrongEnds", /2490 EUR was taken/],
  ["another amount in the books", { fates: [{ ...completed, booked: 1n }] }, "wrongEnds", /books say 1 /],
  ["a job that says otherwise", { fates: [{ ...completed, job: "running" }] }, "wrongEnds", /job is running/],
  [
    "more attempts than there are",
    { fates: [{ ...completed, attempts: 9 }] },
    "wrongEnds",
    /9 attempts of 8/,
  ],
  [
    "a charge that nobody ordered",
    { takings: [taking, { ...taking, reference: undefined, what: "ch_9" }] },
    "wrongEnds",
    /ch_9 took money that nobody/,
  ],
  ["a ledger that does not sum to zero", { ledgerSums: { USD: 0n, EUR: -5n } }, "wrongEnds", /-5 EUR/],
])("%s is seen", (_, evidence, kind, words) => {
  expect(judgeCharges({ ...whole, ...evidence })[kind]).toEqual([expect.stringMatching(words)]);
});
