import { describe, expect, it } from "vitest";
import { exponentOf } from "../../../services/payments/cards/iso-4217.ts";
import { stripeAmount } from "../../../services/payments/cards/stripe-amount.ts";

describe("exponentOf", () => {
  it.each([
    ["USD", 2],
    ["JPY", 0],
    ["ISK", 0],
    ["KWD", 3],
    ["CLF", 4],
  ])("%s has %i decimals", (code, exponent) => {
    expect(exponentOf(code)).toBe(exponent);
  });
});

describe("stripeAmount", () => {
  it.each([
    ["USD", 2_490n, 2_490],
    ["JPY", 500n, 500],
    ["ISK", 500n, 50_000],
    ["UGX", 500n, 50_000],
    ["MGA", 500n, 5],
    ["KWD", 5_120n, 5_120],
    ["USD", 99_999_999n, 99_999_999],
  ])("turns %s %d into %d", (currency, minor, amount) => {
    expect(stripeAmount(currency, minor)).toEqual({ amount });
  });

  it.each([
    ["MGA", 501n, /whole/],
    ["KWD", 5_124n, /third decimal/],
    ["USD", 100_000_000n, /more than a card/],
    ["ISK", 1_000_000n, /more than a card/],
  ])("rounds nothing: %s %d is a fault", (currency, minor, fault) => {
    expect(stripeAmount(currency, minor)).toEqual({ fault: expect.stringMatching(fault) as string });
  });
});
