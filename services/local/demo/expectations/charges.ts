import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { type Check, eachOnce } from "./check.ts";

const CENTS = 100;

/** Each payment by card was charged once, and nothing else was; the demo's cards are all in dollars. */
export function expectCharges(work: GivenWork, { charges }: Evidence): Check[] {
  return [
    eachOnce(
      "charges to cards",
      work.payments
        .filter(({ method }) => method === "card")
        .map(({ reference, amount, currency }) => `${reference}: ${amount} ${currency}`),
      charges.map(({ reference, amount, currency, paid }) => {
        return `${reference}: ${amount / CENTS} ${currency.toUpperCase()}${paid ? "" : " declined"}`;
      }),
    ),
  ];
}
