import { describe, expect, it } from "vitest";
import { parseRecords } from "../../../services/payments/import/parse-records.ts";

const lines = (...texts: string[]) => texts.map((text, index) => ({ number: index + 10, text, cut: false }));

describe("parseRecords", () => {
  it("reads quoted and padded fields", () => {
    expect(parseRecords(lines('a, b ,"c, ""d"""', ",,"))).toEqual([
      { line: 10, fields: ["a", "b", 'c, "d"'] },
      { line: 11, fields: ["", "", ""] },
    ]);
  });

  it.each([
    ['1,"open', /opened and not closed/],
    ['1,"shut"x', /inside a field/],
    ['1,a"b', /inside a field/],
  ])("lets %j spoil its own line only", (text, fault) => {
    expect(parseRecords(lines("1,2", text, "3,4", "5,6"))).toEqual([
      { line: 10, fields: ["1", "2"] },
      { line: 11, fault: expect.stringMatching(fault) as string },
      { line: 12, fields: ["3", "4"] },
      { line: 13, fields: ["5", "6"] },
    ]);
  });

  it("does not let two open quotes make one field of the lines between them", () => {
    const [first, second, third] = parseRecords(lines('1,"a', "2,b", 'c",3'));
    expect(first).toHaveProperty("fault");
    expect(second).toEqual({ line: 11, fields: ["2", "b"] });
    expect(third).toHaveProperty("fault");
  });

  it("refuses what is cut off or no UTF-8", () => {
    const [cut, broken, good] = parseRecords([
      { number: 1, text: "a,b", cut: true },
      { number: 2, text: "\uFFFD,b", cut: false },
      { number: 3, text: "a,b", cut: false },
    ]);
    expect(cut).toEqual({ line: 1, fault: "the line is far too long" });
    expect(broken).toEqual({ line: 2, fault: "the line is not UTF-8 text" });
    expect(good).toEqual({ line: 3, fields: ["a", "b"] });
  });
});
