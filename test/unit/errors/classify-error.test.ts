import { expect, test } from "vitest";
import { classifyError } from "#shared/errors/classify-error.ts";
import {
  ConfigError,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";

function systemError(code: string, more: Record<string, unknown> = {}): Error {
  return Object.assign(new Error(code), { code, ...more });
}

const RETRYABLE = { kind: "retryable", retryAfterMs: undefined, effect: "unknown" };

test("Duly's own errors mean what they say", () => {
  expect(classifyError(new PermanentError("closed", "card closed"))).toEqual({ kind: "permanent" });
  expect(classifyError(new UnreachableError("chain", "no answer"))).toEqual({
    kind: "unreachable",
    dependency: "chain",
  });
  expect(classifyError(new RateLimitedError("chat", "slow down", { retryAfterMs: 700 }))).toEqual({
    kind: "rate_limited",
    dependency: "chat",
    retryAfterMs: 700,
  });
  expect(classifyError(new UnknownOutcomeError("reset"))).toEqual({ kind: "unknown_outcome" });
  expect(classifyError(new RetryableError("busy", "later", { effect: "none", retryAfterMs: 5 }))).toEqual({
    kind: "retryable",
    retryAfterMs: 5,
    effect: "none",
  });
});

test("a retryable error's effect is unknown unless it says none", () => {
  expect(classifyError(new RetryableError("busy", "later"))).toEqual(RETRYABLE);
});

test.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN"])(
  "%s never left this machine: unreachable",
  (code) => {
    expect(classifyError(systemError(code))).toEqual({ kind: "unreachable", dependency: code });
  },
);

test("an unreachable dependency is named by host or address, and port", () => {
  expect(classifyError(systemError("ECONNREFUSED", { address: "10.0.0.7", port: 8545 }))).toEqual({
    kind: "unreachable",
    dependency: "10.0.0.7:8545",
  });
  expect(classifyError(systemError("ENOTFOUND", { hostname: "chat.example" }))).toEqual({
    kind: "unreachable",
    dependency: "chat.example",
  });
});

test("it is found inside what clients wrap around it", () => {
  const cause = systemError("ECONNREFUSED", { address: "10.0.0.7", port: 1 });
  const wrapped = new TypeError("fetch failed", { cause: new Error("socket", { cause }) });
  expect(classifyError(wrapped)).toEqual({ kind: "unreachable", dependency: "10.0.0.7:1" });
  const both = new AggregateError([cause, systemError("ENETUNREACH")], "all failed");
  expect(classifyError(new TypeError("fetch failed", { cause: both }))).toEqual({
    kind: "unreachable",
    dependency: "10.0.0.7:1",
  });
});

test("one address that may have been reached makes the outcome unknown", () => {
  const both = new AggregateError([systemError("ECONNREFUSED"), systemError("ECONNRESET")], "both failed");
  expect(classifyError(both)).toEqual(RETRYABLE);
  expect(classifyError(new AggregateError([], "none"))).toEqual(RETRYABLE);
});

test.each(["ECONNRESET", "ETIMEDOUT", "EPIPE", "UND_ERR_SOCKET"])(
  "after %s the request may have arrived: retryable, effect unknown",
  (code) => {
    expect(classifyError(systemError(code))).toEqual(RETRYABLE);
  },
);

test.each([["text"], [undefined], [null], [7], [{ code: "ECONNREFUSED" }], [new ConfigError("odd")]])(
  "anything else that is thrown is retryable: %o",
  (thrown) => {
    expect(classifyError(thrown)).toEqual(RETRYABLE);
  },
);

test("an error that is its own cause is classified too", () => {
  const ring = new Error("ring");
  ring.cause = ring;
  expect(classifyError(ring)).toEqual(RETRYABLE);
});
