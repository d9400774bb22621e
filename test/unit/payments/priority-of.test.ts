import { describe, expect, it } from "vitest";
import { priorityOf } from "../../../services/payments/priority-of.ts";

const thresholds = { highAbove: "1000", lowBelow: "10" };
const dollars = (amount: bigint, urgent = false) => ({ amount, decimals: 6, usdRate: "1", urgent });

describe("priorityOf", () => {
  it.each([
    [1_000_000_001n, "high"],
    [1_000_000_000n, "medium"],
    [10_000_000n, "medium"],
    [9_999_999n, "low"],
    [1n, "low"],
  ])("gives %d millionths of a dollar %s priority", (amount, priority) => {
    expect(priorityOf(dollars(amount), thresholds)).toBe(priority);
  });

  it("gives an urgent payment high priority, however small", () => {
    expect(priorityOf(dollars(1n, true), thresholds)).toBe("high");
  });

  it("values a token by its rate without rounding", () => {
    // 3 whole tokens of 18 decimals at 333.333333333333333334 dollars: 2 · 10^-18 dollars above 1000.
    const token = { amount: 3n * 10n ** 18n, decimals: 18, usdRate: "333.333333333333333334", urgent: false };
    expect(priorityOf(token, thresholds)).toBe("high");
    expect(priorityOf({ ...token, usdRate: "333.333333333333333333" }, thresholds)).toBe("medium");
  });

  it("takes thresholds with cents", () => {
    expect(priorityOf(dollars(500_000n), { highAbove: "1", lowBelow: "0.50" })).toBe("medium");
    expect(priorityOf(dollars(499_999n), { highAbove: "1", lowBelow: "0.50" })).toBe("low");
  });

  it("values a token without worth as low", () => {
    expect(priorityOf({ ...dollars(10n ** 30n), usdRate: "0" }, thresholds)).toBe("low");
  });
});
