import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Decline, judgeDecline } from "../../../services/payments/cards/decline-codes.ts";
import { readRpcError } from "../../../services/payments/chain/rpc-errors.ts";
import { root } from "../../support/repository.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const decline = (code: string, more: Partial<Decline> = {}): Decline => {
  return { code, adviceCode: undefined, networkAdviceCode: undefined, ...more };
};
const later = (afterMs: number) => ({ again: "later", afterMs });
const never = expect.objectContaining({ again: "never" }) as unknown;

describe("a decline", () => {
  it.each([
    [0, 1],
    [1, 2],
    [2, 4],
    [3, 7],
    [9, 7],
  ])("that is soft, after %i before it, is tried again %i days later", (before, days) => {
    expect(judgeDecline(decline("insufficient_funds"), before)).toEqual(later(days * DAY_MS));
  });

  it("of an issuer that could not answer is tried again an hour later, then as any other", () => {
    expect(judgeDecline(decline("issuer_not_available"), 0)).toEqual(later(HOUR_MS));
    expect(judgeDecline(decline("issuer_not_available"), 1)).toEqual(later(2 * DAY_MS));
  });

  it("is given up when the networks' limit is reached: 15 in 30 days", () => {
    expect(judgeDecline(decline("do_not_honor"), 13)).toEqual(later(7 * DAY_MS));
    expect(judgeDecline(decline("do_not_honor"), 14)).toEqual(never);
  });

  it.each([
    ["24", HOUR_MS],
    ["29", 8 * DAY_MS],
    ["30", 10 * DAY_MS],
    ["02", 3 * DAY_MS],
  ])("with the network's advice %s waits as long as that says", (networkAdviceCode, wait) => {
    expect(judgeDecline(decline("generic_decline", { networkAdviceCode }), 0)).toEqual(later(wait));
  });

  it.each([
    [{ networkAdviceCode: "03" }],
    [{ networkAdviceCode: "21" }],
    [{ adviceCode: "do_not_try_again" }],
    [{ adviceCode: "confirm_card_data" }],
  ])("with the advice %j is never tried again, however soft its code", (advice) => {
    expect(judgeDecline(decline("insufficient_funds", advice), 0)).toEqual(never);
  });

  it("that the networks forbid stays forbidden, whatever they advise beside", () => {
    expect(judgeDecline(decline("stolen_card", { networkAdviceCode: "24" }), 0)).toEqual(never);
  });

  it("of a code that nobody knows is soft", () => {
    expect(judgeDecline(decline("constructor_of_tomorrow"), 0)).toEqual(later(DAY_MS));
  });
});

describe("docs/errors.md", () => {
  const rows = readFileSync(join(root, "docs/errors.md"), "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const codesIn = (cell: string | undefined) =>
    [...(cell ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
  const rowOf = (first: string) => codesIn(rows.find((cells) => cells[1] === first)?.[2]);

  it.each([
    ["never", never],
    ["in an hour, then in days", later(HOUR_MS)],
    ["in days", later(DAY_MS)],
  ])("lists the decline codes that are tried again: %s", (first, verdict) => {
    const codes = rowOf(first);
    expect(codes.length).toBeGreaterThan(3);
    expect(codes.map((code) => judgeDecline(decline(code), 0))).toEqual(codes.map(() => verdict));
  });

  it("lists what JSON-RPC's codes mean", () => {
    const listed = rows.filter((cells) => /^`-?\d+`$/.test(cells[1] ?? ""));
    expect(listed).toHaveLength(13);
    for (const [, code = "", , meaning = ""] of listed) {
      expect([code, readRpcError(Number(code.replaceAll("`", "")))]).toEqual([
        code,
        meaning.replace("-", "_"),
      ]);
    }
  });
});
