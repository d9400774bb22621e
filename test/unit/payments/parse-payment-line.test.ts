import { describe, expect, it } from "vitest";
import { paymentLineParser } from "../../../services/payments/import/parse-payment-line.ts";
import { COLUMNS, type Column, readHeader } from "../../../services/payments/import/read-header.ts";

const start = new Date("2030-01-01T00:00:00Z");
const parse = paymentLineParser(readHeader(COLUMNS), {
  tokens: new Map([["DUSD", { decimals: 6, usdRate: "1" }]]),
  currencies: new Map([
    ["USD", { decimals: 2, usdRate: "1" }],
    ["JPY", { decimals: 0, usdRate: "0.0067" }],
    ["KWD", { decimals: 3, usdRate: "3.25" }],
  ]),
  thresholds: { highAbove: "1000", lowBelow: "10" },
  start,
});

const good: Record<Column, string> = {
  reference: "demo-001",
  payer: "alice",
  recipient: "0x000000000000000000000000000000000000dead",
  amount: "12.50",
  currency: "DUSD",
  method: "erc20",
  scheduled_for: "+5s",
  urgent: "",
};
const parseWith = (changes: Partial<Record<Column, string>>) =>
  parse(
    7,
    COLUMNS.map((name) => ({ ...good, ...changes })[name]),
  );

describe("paymentLineParser", () => {
  it("reads a payment", () => {
    expect(parseWith({})).toEqual({
      line: 7,
      reference: "demo-001",
      payer: "alice",
      recipient: "0x000000000000000000000000000000000000dEaD",
      amount: 12_500_000n,
      currency: "DUSD",
      method: "erc20",
      urgent: false,
      scheduledFor: new Date("2030-01-01T00:00:05Z"),
      scheduledForGiven: "+5s",
      priority: "medium",
    });
  });

  it("reads a payment by card, to whomever the books name so", () => {
    const card = { method: "card", recipient: "shop:coffee", currency: "USD", amount: "24.9" };
    expect(parseWith(card)).toMatchObject({
      method: "card",
      recipient: "shop:coffee",
      amount: 2_490n,
      priority: "medium",
    });
  });

  it.each([
    [{ amount: "1000.01" }, "high"],
    [{ amount: "9.99" }, "low"],
    [{ amount: "9.99", urgent: "TRUE" }, "high"],
  ])("gives %j %s priority", (changes, priority) => {
    expect(parseWith(changes)).toMatchObject({ priority });
  });

  it.each([
    [{ reference: "" }, /^reference must have/],
    [{ reference: "a\u0000b" }, /^reference must have/],
    [{ payer: "" }, /^payer must be/],
    [{ recipient: "0x1234" }, /recipient "0x1234" is no 0x address/],
    [{ recipient: "0x000000000000000000000000000000000000DEAd" }, /wrong checksum/],
    [{ recipient: "alice.eth" }, /no 0x address/],
    [{ amount: "1.1234567" }, /7 decimals/],
    [{ amount: "-1" }, /plain decimal/],
    [{ currency: "EUR" }, /currency "EUR" is not known \(known: DUSD\)/],
    [{ method: "cash" }, /method "cash" is not supported \(erc20 and card are\)/],
    [{ method: "card" }, /currency "DUSD" is not known \(known: USD, JPY, KWD\)/],
    [{ method: "card", currency: "USD", amount: "1.001" }, /3 decimals/],
    [{ method: "card", currency: "JPY", amount: "1.5" }, /1 decimals/],
    [{ method: "card", currency: "KWD", amount: "1.001" }, /third decimal/],
    [{ method: "card", currency: "USD", amount: "1000000" }, /more than a card/],
    [{ method: "card", currency: "USD", recipient: "" }, /recipient must have/],
    [{ scheduled_for: "tomorrow" }, /scheduled_for "tomorrow"/],
    [{ urgent: "maybe" }, /urgent "maybe"/],
    [{ urgent: "constructor" }, /urgent "constructor"/],
  ])("refuses %j with the reason", (changes, reason) => {
    expect(parseWith(changes)).toEqual({ line: 7, reason: expect.stringMatching(reason) as string });
  });

  it("gives all reasons of a line at once", () => {
    expect(parseWith({ recipient: "bob", method: "cash" })).toEqual({
      line: 7,
      reason: expect.stringMatching(/recipient.*; method/) as string,
    });
  });

  it("counts the fields", () => {
    expect(parse(3, ["a", "b"])).toEqual({ line: 3, reason: "the line has 2 fields, the header 8" });
  });
});
