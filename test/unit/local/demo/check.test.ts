import { describe, expect, it } from "vitest";
import { atLeast, eachOnce, exactly } from "../../../../services/local/demo/expectations/check.ts";

describe("a check", () => {
  it("of a number is met by exactly that number", () => {
    expect(exactly("mails", 3, 3)).toEqual({ what: "mails", expected: "3", seen: "3", met: true });
    expect(exactly("mails", 3, 4).met).toBe(false);
    expect(exactly("mails", 3, "3").met).toBe(false);
  });

  it("of a floor is met from there on", () => {
    expect([179, 180, 181].map((seen) => atLeast("transfers", 180, seen).met)).toEqual([false, true, true]);
  });

  it("of a list is met by each of it once, in any order", () => {
    expect(eachOnce("mails", ["a", "b"], ["b", "a"])).toMatchObject({ seen: "2", met: true });
  });

  it("of a list names what is missing, doubled and unexpected, up to three of each", () => {
    const { met, expected, seen } = eachOnce("mails", ["a", "b", "c", "d", "e"], ["e", "e", "x"]);
    expect(met).toBe(false);
    expect(expected).toBe("5, each once");
    expect(seen).toBe("3; missing: a, b, c and 1 more; more than once: e; unexpected: x");
  });
});
