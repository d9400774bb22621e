import { describe, expect, it } from "vitest";
import { parseScheduledFor } from "../../../services/payments/import/parse-scheduled-for.ts";

const start = new Date("2030-01-01T00:00:00.000Z");

describe("parseScheduledFor", () => {
  it("takes nothing as now", () => {
    expect(parseScheduledFor("", start)).toEqual({ given: "", at: undefined });
  });

  it.each([
    ["+5s", "2030-01-01T00:00:05.000Z"],
    ["+2m", "2030-01-01T00:02:00.000Z"],
    ["+1h", "2030-01-01T01:00:00.000Z"],
    ["+0s", "2030-01-01T00:00:00.000Z"],
  ])("counts %s from the start of the import", (text, at) => {
    expect(parseScheduledFor(text, start)).toEqual({ given: text, at: new Date(at) });
  });

  it("keeps a relative time as it was written, so that a second run finds it unchanged", () => {
    expect(parseScheduledFor("+05s", new Date("2031-01-01T00:00:00Z"))).toMatchObject({ given: "+5s" });
  });

  it("gives one spelling to one instant", () => {
    const given = "2030-01-31T08:00:00.000Z";
    expect(parseScheduledFor("2030-01-31T09:00:00+01:00", start)).toEqual({ given, at: new Date(given) });
    expect(parseScheduledFor("2030-01-31T08:00:00Z", start)).toEqual({ given, at: new Date(given) });
  });

  it.each([
    "2030-01-31T09:00:00",
    "2030-01-31",
    "2030-02-30T09:00:00Z",
    "tomorrow",
    "5s",
    "+5",
    "+5d",
    "+1.5h",
    "-5s",
  ])("refuses %s", (text) => {
    expect(parseScheduledFor(text, start)).toEqual({ fault: expect.stringContaining(`"${text}"`) as string });
  });

  it("refuses what lies beyond all plans", () => {
    expect(parseScheduledFor("+999999999h", start)).toHaveProperty("fault");
  });
});
