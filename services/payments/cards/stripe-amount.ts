// Stripe's docs, "Supported currencies": amounts have at most eight digits.
const LARGEST = 99_999_999n;
/** Without decimals by ISO, and with two at Stripe, which must be zeros ("Special cases"). */
const TWO_AT_STRIPE = new Set(["ISK", "UGX"]);
/** With two decimals by ISO, and with none at Stripe ("Zero-decimal currencies"). */
const NONE_AT_STRIPE = new Set(["MGA"]);
/** Three decimals, the last of which must be zero ("Three-decimal currencies"). */
const THREE_DECIMALS = new Set(["BHD", "JOD", "KWD", "OMR", "TND"]);

/** The amount as Stripe's API takes it, or why it cannot be charged. */
export type StripeAmount = { readonly amount: number } | { readonly fault: string };

/** Turns minor units by ISO 4217 into Stripe's; what would have to be rounded is a fault. */
export function stripeAmount(currency: string, minor: bigint): StripeAmount {
  if (NONE_AT_STRIPE.has(currency) && minor % 100n !== 0n) {
    return { fault: `amounts in ${currency} must be whole for a card` };
  }
  if (THREE_DECIMALS.has(currency) && minor % 10n !== 0n) {
    return { fault: `the third decimal of an amount in ${currency} must be 0 for a card` };
  }
  const amount = inUnitsOfStripe(currency, minor);
  if (amount > LARGEST) return { fault: "amount is more than a card can be charged at once" };
  return { amount: Number(amount) };
}

function inUnitsOfStripe(currency: string, minor: bigint): bigint {
  if (TWO_AT_STRIPE.has(currency)) return minor * 100n;
  return NONE_AT_STRIPE.has(currency) ? minor / 100n : minor;
}
