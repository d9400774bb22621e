import { expect, test } from "vitest";
import { planKills } from "../../faults/scenarios/kill-plan.ts";
import { randomOf } from "../../faults/world/random.ts";

test("the same seed gives the same faults, another one others", () => {
  const plan = (seed: number) =>
    planKills(
      [{ at: "relay.claimed", mostPasses: 50 }],
      { each: 20, atRandom: 5 },
      randomOf(seed, "relay-kills 0"),
    );
  expect(plan(1)).toEqual(plan(1));
  expect(plan(1)).not.toEqual(plan(2));
  expect(plan(1).filter(({ at }) => at === "relay.claimed")).toHaveLength(20);
});

test("draws spread over the whole range", () => {
  const random = randomOf(7, "spread");
  const drawn = Array.from({ length: 1000 }, () => random.between(1, 10));
  expect([...new Set(drawn)].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("a name is drawn as often as its share says, and none for the rest", () => {
  const random = randomOf(1, "shares");
  const drawn = Array.from({ length: 10_000 }, () => random.draw({ often: 0.6, seldom: 0.1 }));
  const share = (name: string | undefined) => drawn.filter((each) => each === name).length / drawn.length;
  expect(share("often")).toBeCloseTo(0.6, 1);
  expect(share("seldom")).toBeCloseTo(0.1, 1);
  expect(share(undefined)).toBeCloseTo(0.3, 1);
  expect(random.draw({ only: 7 }, 7)).toBe("only");
});
