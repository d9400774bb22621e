import { describe, expect, it } from "vitest";
import { chooseNonce } from "../../../services/payments/transfers/choose-nonce.ts";

describe("chooseNonce", () => {
  it.each([
    [0, [], 0],
    [4, [], 4],
    [4, [4, 5], 6],
    [4, [5, 6], 4],
    [4, [4, 6], 5],
    [4, [1, 2, 3], 4],
  ])("with %d next on chain and %j held chooses %d", (next, held, nonce) => {
    expect(chooseNonce(next, held)).toBe(nonce);
  });
});
