import { describe, expect, test } from "vitest";
import { type Model, search } from "../../model/search.ts";

/** A walk over numbers, by the given steps. */
function walk(next: Readonly<Record<number, readonly number[]>>, ends: readonly number[]): Model<number> {
  return {
    initial: [0],
    steps: (at) => (next[at] ?? []).map((to) => ({ name: `to ${to}`, world: to, fault: to < 0 })),
    encode: String,
    broken: (at) => (at === 13 ? "unlucky" : undefined),
    isDone: (at) => ends.includes(at),
  };
}

describe("search", () => {
  test("comes by every world once", () => {
    const found = search(walk({ 0: [1, 2], 1: [3], 2: [3], 3: [0] }, [3]));
    expect(found).toEqual({ worlds: 4, steps: 5, violation: undefined });
  });

  test("shows the shortest way to a broken promise", () => {
    const found = search(walk({ 0: [1, 2], 1: [3], 3: [13], 2: [13] }, [13]));
    expect(found.violation).toEqual({ what: "unlucky", trace: ["begin", "to 2", "to 13"], world: 13 });
  });

  test("finds the world from which no way leads to an end", () => {
    const found = search(walk({ 0: [1, 2], 2: [4], 4: [2] }, [1]));
    expect(found.violation).toMatchObject({ what: "no way leads from here to an end", world: 2 });
  });

  test("counts no way that needs a misfortune", () => {
    expect(search(walk({ 0: [-1], [-1]: [1] }, [1])).violation?.world).toBe(0);
  });

  test("gives up on a model without bounds", () => {
    const endless: Model<number> = { ...walk({}, []), steps: (at) => [{ name: "on", world: at + 20 }] };
    expect(() => search(endless, 100)).toThrow("more than 100 worlds");
  });
});
