import { expect, it } from "vitest";
import { failedBy } from "#shared/consuming/breakers.ts";
import {
  dependency,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";

const stripe = dependency("stripe");
const bank = dependency("bank");
const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED", address: "10.0.0.1" });
const gone = Object.assign(new Error("Connection terminated"), { severity: "FATAL", code: "57P01" });

it.each([
  ["a permanent error is an answer", new PermanentError("declined", "no"), []],
  ["too many requests are an answer", new RateLimitedError("stripe", "slow down", { retryAfterMs: 1 }), []],
  ["a refusal is an answer", new RetryableError("soft_decline", "later", { effect: "none" }), []],
  ["PostgreSQL's own trouble is nobody's", gone, []],
  ["a failure speaks against all", new RetryableError("stripe_500", "broken"), ["stripe", "bank"]],
  ["no answer speaks against all", new UnknownOutcomeError("timeout"), ["stripe", "bank"]],
  ["anything unknown speaks against all", new TypeError("x is not a function"), ["stripe", "bank"]],
  ["one that names its dependency speaks against that", new UnreachableError("bank", "no route"), ["bank"]],
  ["one that names another speaks against all", refused, ["stripe", "bank"]],
])("%s", (_, error, names) => {
  expect(failedBy(error, [stripe, bank]).map(({ name }) => name)).toEqual(names);
});
