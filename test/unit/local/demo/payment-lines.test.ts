import { describe, expect, it } from "vitest";
import { readPaymentLines, withFreshReferences } from "../../../../services/local/demo/payment-lines.ts";

const csv = [
  "reference,payer,recipient,amount,currency,method,scheduled_for,urgent",
  "demo-1,alice,0xAA,2.20,DUSD,erc20,+7s,",
  'demo-2,"alice,0xAA,2.20,DUSD,erc20,,',
  "demo-3,bob,0xBB,1000,DUSD,erc20,,true",
  "",
].join("\n");

describe("the payments file of a run", () => {
  it("has references of its own, and its wrong lines stay as they are", () => {
    const lines = withFreshReferences(csv, "run").split("\n");
    expect(lines).toEqual([
      "reference,payer,recipient,amount,currency,method,scheduled_for,urgent",
      "run-demo-1,alice,0xAA,2.20,DUSD,erc20,+7s,",
      'run-demo-2,"alice,0xAA,2.20,DUSD,erc20,,',
      "run-demo-3,bob,0xBB,1000,DUSD,erc20,,true",
      "",
    ]);
  });

  it("is read without the lines that were refused, counted from the header", () => {
    const dusd = { currency: "DUSD", method: "erc20" };
    expect(readPaymentLines(csv, new Set([3]))).toEqual([
      { reference: "demo-1", payer: "alice", recipient: "0xAA", amount: "2.2", ...dusd },
      { reference: "demo-3", payer: "bob", recipient: "0xBB", amount: "1000", ...dusd },
    ]);
  });

  it.each([
    ["10.000001", "10.000001"],
    ["12.50", "12.5"],
    ["7.00", "7"],
    ["100", "100"],
  ])("reads the amount %s as %s, the spelling of the chain", (written, amount) => {
    const file = `reference,payer,recipient,amount,currency,method\na,b,c,${written},DUSD,erc20`;
    expect(readPaymentLines(file, new Set())).toEqual([expect.objectContaining({ amount })]);
  });

  it("must have the columns that are looked at", () => {
    expect(() => readPaymentLines("reference,amount\na,1", new Set())).toThrow(
      "no column payer, recipient, currency, method",
    );
  });
});
