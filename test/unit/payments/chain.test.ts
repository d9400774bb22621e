import { HttpRequestError, RpcRequestError, TimeoutError } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../services/payments/chain/address.ts";
import { classifyChainError } from "../../../services/payments/chain/classify-chain-error.ts";
import { readOfferAnswer } from "../../../services/payments/chain/offer-answers.ts";
import { Wallet } from "../../../services/payments/chain/wallet.ts";
import {
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "../../../shared/index.ts";

const url = "http://127.0.0.1:8545";
const refused = new HttpRequestError({
  url,
  cause: new TypeError("fetch failed", {
    cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }),
  }),
});
const reset = new HttpRequestError({
  url,
  cause: new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) }),
});
const rpc = (message: string, code = -32_000) =>
  new RpcRequestError({ url, body: {}, error: { code, message } });

describe("classifyChainError", () => {
  it.each([
    ["a refused connection while asking", refused, "asking", UnreachableError],
    ["a refused connection while offering", refused, "offering", UnreachableError],
    ["a reset while asking", reset, "asking", UnreachableError],
    ["a reset while offering", reset, "offering", UnknownOutcomeError],
    ["a timeout while asking", new TimeoutError({ url, body: {} }), "asking", UnreachableError],
    ["a timeout while offering", new TimeoutError({ url, body: {} }), "offering", UnknownOutcomeError],
    [
      "a gateway's 502 while offering",
      new HttpRequestError({ url, status: 502 }),
      "offering",
      UnknownOutcomeError,
    ],
    ["a 429", new HttpRequestError({ url, status: 429 }), "offering", RateLimitedError],
    ["invalid params", rpc("invalid", -32_602), "asking", PermanentError],
    ["a method that the node does not have", rpc("no such method", -32_601), "asking", UnreachableError],
    ["an internal error", rpc("internal", -32_603), "asking", RetryableError],
    ["a limit", rpc("limit exceeded", -32_005), "asking", RateLimitedError],
    ["a limit while offering", rpc("limit exceeded", -32_005), "offering", RateLimitedError],
    ["a code that nobody knows", rpc("what?", -32_099), "asking", RetryableError],
    ["invalid params while offering", rpc("invalid", -32_602), "offering", UnknownOutcomeError],
    ["unknown words while asking", rpc("header not found"), "asking", RetryableError],
    ["unknown words while offering", rpc("internal error"), "offering", UnknownOutcomeError],
  ] as const)("makes of %s the right error", (_, error, errand, expected) => {
    expect(classifyChainError(error, errand)).toBeInstanceOf(expected);
  });

  it("waits as long as the node asks for, else 5 s", () => {
    const headers = new Headers({ "retry-after": "17" });
    const told = classifyChainError(new HttpRequestError({ url, status: 429, headers }), "asking");
    expect(told).toMatchObject({ retryAfterMs: 17_000 });
    const silent = classifyChainError(new HttpRequestError({ url, status: 429 }), "asking");
    expect(silent).toMatchObject({ retryAfterMs: 5_000 });
  });

  it("keeps the chain's raw bytes out of the words", () => {
    const { message } = classifyChainError(rpc("reverted: \u0000\u0000\u07ad\ud800!"), "asking");
    expect(message).toMatch(/reverted: .*!$/);
    expect(message).not.toContain("\u0000");
    expect(message.isWellFormed()).toBe(true);
  });
});

describe("readOfferAnswer", () => {
  it.each([
    ["already known", "accepted"],
    ["transaction already imported", "accepted"],
    ["known transaction: 0xabc", "accepted"],
    ["unknown transaction type", undefined],
    ["nonce too low: next nonce 5, tx nonce 3", "nonceUsed"],
    ["replacement transaction underpriced", "refusedForNow"],
    ["max fee per gas less than block base fee: address 0x…", "refusedForNow"],
    ["Insufficient funds for gas * price + value", "refusedForNow"],
    ["intrinsic gas too low", "refusedForGood"],
    ["internal error", undefined],
    ["", undefined],
  ])("reads %j as %s", (words, answer) => {
    expect(readOfferAnswer(words)).toBe(answer);
  });
});

describe("parseAddress", () => {
  const checksummed = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

  it.each([checksummed, checksummed.toLowerCase(), `0x${checksummed.slice(2).toUpperCase()}`])(
    "reads %s",
    (text) => {
      expect(parseAddress(text)).toBe(checksummed);
    },
  );

  it.each([
    checksummed.replace("F", "f"),
    checksummed.slice(0, -1),
    `${checksummed}0`,
    checksummed.slice(2),
    "",
    "0xg",
  ])("refuses %s", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("Wallet", () => {
  it("derives the addresses that any other wallet derives from the same words", () => {
    const mnemonic = "test test test test test test test test test test test junk";
    const wallet = new Wallet(mnemonic);
    for (const addressIndex of [0, 1, 20]) {
      expect(wallet.addressOf(addressIndex)).toBe(mnemonicToAccount(mnemonic, { addressIndex }).address);
    }
  });
});
