import { describe, expect, it } from "vitest";
import { COLUMNS, readHeader } from "../../../services/payments/import/read-header.ts";

describe("readHeader", () => {
  it("takes the columns in any order and case, urgent or not", () => {
    const names = COLUMNS.filter((column) => column !== "urgent").toReversed();
    expect(readHeader(names.map((name) => name.toUpperCase()))).toMatchObject({
      reference: 6,
      scheduled_for: 0,
      width: 7,
    });
  });

  it("names every column at fault", () => {
    expect(() =>
      readHeader(["reference", "payer", "payer", "colour", "amount", "currency", "method"]),
    ).toThrow(/missing: recipient, scheduled_for; unknown: "colour"; repeated: payer/);
  });
});
