// The largest amount an ERC-20 contract can hold (uint256).
const LARGEST = 2n ** 256n - 1n;

/** An amount in minor units, or why the text is none. */
export type ParsedAmount = { readonly amount: bigint } | { readonly fault: string };

/**
 * Reads a decimal amount in a token's scale, exactly: what would have to be rounded is a fault.
 *
 * Neither sign, exponent nor grouping is allowed, and zero is no amount.
 */
export function parseTokenAmount(text: string, decimals: number): ParsedAmount {
  if (text === "") return { fault: "amount is empty" };
  const match = /^(\d{1,78})(?:\.(\d+))?$/.exec(text);
  if (match === null) {
    return {
      fault: `amount "${shorten(text)}" is no plain decimal number (like 12.50; no sign, no exponent)`,
    };
  }
  const [, whole = "", fraction = ""] = match;
  if (fraction.length > decimals) {
    return {
      fault: `amount "${shorten(text)}" has ${fraction.length} decimals, the currency has ${decimals}`,
    };
  }
  const amount = BigInt(whole + fraction.padEnd(decimals, "0"));
  if (amount === 0n) return { fault: "amount must be more than 0" };
  if (amount > LARGEST) return { fault: `amount "${shorten(text)}" is more than a token can hold` };
  return { amount };
}

/** Writes minor units as a decimal with as many decimals as the token has: `12.500000`. */
export function formatTokenAmount(amount: bigint, decimals: number): string {
  if (decimals === 0) return amount.toString();
  const digits = amount.toString().padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
