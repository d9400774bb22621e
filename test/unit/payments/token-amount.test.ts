import { describe, expect, it } from "vitest";
import { formatTokenAmount, parseTokenAmount } from "../../../services/payments/token-amount.ts";

describe("parseTokenAmount", () => {
  it.each([
    ["12.5", 12_500_000n],
    ["0.000001", 1n],
    ["7", 7_000_000n],
    ["007.10", 7_100_000n],
    ["9007199254740993.000001", 9_007_199_254_740_993_000_001n],
  ])("reads %s exactly", (text, amount) => {
    expect(parseTokenAmount(text, 6)).toEqual({ amount });
  });

  it.each([
    ["", /empty/],
    ["1.0000001", /7 decimals, the currency has 6/],
    ["1.0000000", /7 decimals/],
    ["0", /more than 0/],
    ["0.000000", /more than 0/],
    ["-5", /no sign/],
    ["+5", /no sign/],
    ["1e3", /no exponent/],
    ["1,000", /plain decimal/],
    ["1.", /plain decimal/],
    [".5", /plain decimal/],
    ["0x10", /plain decimal/],
    ["١", /plain decimal/],
    ["NaN", /plain decimal/],
    [String(2n ** 256n), /more than a token can hold/],
  ])("refuses %j", (text, fault) => {
    expect(parseTokenAmount(text, 6)).toEqual({ fault: expect.stringMatching(fault) as string });
  });

  it("takes no decimals for a token without them", () => {
    expect(parseTokenAmount("5", 0)).toEqual({ amount: 5n });
    expect(parseTokenAmount("5.0", 0)).toHaveProperty("fault");
  });
});

describe("formatTokenAmount", () => {
  it.each([
    [12_500_000n, 6, "12.500000"],
    [1n, 6, "0.000001"],
    [5n, 0, "5"],
    [2n ** 255n, 18, "57896044618658097711785492504343953926634992332820282019728.792003956564819968"],
  ])("writes %d with %d decimals as %s", (amount, decimals, text) => {
    expect(formatTokenAmount(amount, decimals)).toBe(text);
    expect(parseTokenAmount(text, decimals)).toEqual({ amount });
  });
});
