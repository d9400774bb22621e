/** What an issuer says of every charge to a card. */
export interface IssuerAnswer {
  readonly declineCode: string;
  readonly adviceCode?: string;
  readonly networkAdviceCode?: string;
}

/**
 * The test payment methods that can be attached to a customer, by Stripe's own names (its docs, "Test cards"): approved
 * where undefined, else declined with this code at every charge.
 */
const TEST_CARDS: ReadonlyMap<string, IssuerAnswer | undefined> = new Map([
  ["pm_card_visa", undefined],
  ["pm_card_mastercard", undefined],
  ["pm_card_chargeCustomerFail", { declineCode: "generic_decline" }],
  ["pm_card_visa_chargeDeclined", { declineCode: "generic_decline" }],
  ["pm_card_visa_chargeDeclinedInsufficientFunds", { declineCode: "insufficient_funds" }],
  ["pm_card_visa_chargeDeclinedLostCard", { declineCode: "lost_card" }],
  ["pm_card_visa_chargeDeclinedStolenCard", { declineCode: "stolen_card" }],
  ["pm_card_chargeDeclinedExpiredCard", { declineCode: "expired_card" }],
  ["pm_card_chargeDeclinedProcessingError", { declineCode: "processing_error" }],
  ["pm_card_authenticationRequired", { declineCode: "authentication_required" }],
]);

/** Whether a customer can be given this test payment method. */
export function isTestCard(token: string): boolean {
  return TEST_CARDS.has(token);
}

/** What the issuer of a test card says; undefined when it approves. */
export function issuerOf(token: string): IssuerAnswer | undefined {
  return TEST_CARDS.get(token);
}
