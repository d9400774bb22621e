import { describe, expect, it } from "vitest";
import { dependency } from "#shared/resilience/dependency.ts";

describe("dependency", () => {
  it("has a breaker unless told otherwise, and no limits", () => {
    const breaker = { errorPercentage: 50, volume: 10, windowMs: 10_000, probeAfterMs: 5_000 };
    expect(dependency("stripe")).toEqual({ name: "stripe", breaker });
    expect(dependency("stripe", { breaker: { probeAfterMs: 500 } }).breaker).toEqual({
      ...breaker,
      probeAfterMs: 500,
    });
    expect(dependency("stripe", { breaker: false }).breaker).toBeUndefined();
  });

  it.each([
    ["Stripe", {}, /lower-case letters/],
    ["", {}, /lower-case letters/],
    ["stripe", { breaker: { volume: 9 } }, /from 10: fewer calls prove nothing/],
    ["stripe", { breaker: { errorPercentage: 0 } }, /above 0 and below 100/],
    ["stripe", { breaker: { probeAfterMs: 0 } }, /whole milliseconds from 100/],
    ["stripe", { limit: { count: 0, perMs: 1_000 } }, /whole numbers from 1/],
    ["stripe", { limit: { count: 1, perMs: 0.5 } }, /whole numbers from 1/],
    ["stripe", { concurrency: 0 }, /concurrency must be a whole number from 1/],
  ])("%s with %j cannot be meant", (name, options, sentence) => {
    expect(() => dependency(name, options)).toThrow(sentence);
  });
});
