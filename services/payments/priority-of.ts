import type { Priority } from "#shared/index.ts";

/** What decides how urgent a payment is. */
export interface Weight {
  /** Minor units of the token. */
  readonly amount: bigint;
  readonly decimals: number;
  /** Dollars that one whole token is worth, as decimal text. */
  readonly usdRate: string;
  readonly urgent: boolean;
}

/** Dollars, as decimal text. */
export interface Thresholds {
  readonly highAbove: string;
  readonly lowBelow: string;
}

/**
 * Gives a payment its priority: high above a value or when urgent, low under a value, else medium.
 *
 * A payment worth exactly a threshold is medium. All arithmetic is on integers: no value is rounded.
 */
export function priorityOf(
  weight: Weight,
  thresholds: Thresholds,
): Extract<Priority, "high" | "medium" | "low"> {
  if (weight.urgent || compareToDollars(weight, thresholds.highAbove) > 0) return "high";
  return compareToDollars(weight, thresholds.lowBelow) < 0 ? "low" : "medium";
}

function compareToDollars(weight: Weight, dollars: string): number {
  const rate = parseDecimal(weight.usdRate);
  const limit = parseDecimal(dollars);
  // amount/10^decimals · rate/10^rateScale against limit/10^limitScale, brought to one scale
  const value = weight.amount * rate.digits * 10n ** BigInt(limit.scale);
  const threshold = limit.digits * 10n ** BigInt(weight.decimals + rate.scale);
  if (value === threshold) return 0;
  return value > threshold ? 1 : -1;
}

function parseDecimal(text: string): { digits: bigint; scale: number } {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw new RangeError(`"${text}" is no decimal number without sign and exponent`);
  const [, whole = "", fraction = ""] = match;
  return { digits: BigInt(whole + fraction), scale: fraction.length };
}
