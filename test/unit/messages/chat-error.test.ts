import { expect, test } from "vitest";
import {
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";
import { chatError } from "../../../services/messages/chat-error.ts";

const answer = (status: number, code?: number, retryAfterMs?: number) =>
  chatError({
    status,
    body:
      code === undefined ? "<html>" : JSON.stringify({ error: { code, message: "as the test wants it" } }),
    retryAfterMs,
  });

const broken = (code: string) =>
  chatError({
    broken: new TypeError("fetch failed", { cause: Object.assign(new Error("socket"), { code }) }),
  });

test.each([400, 401, 403, 404, 413, 302])("%i is permanent", (status) => {
  expect(answer(status, 100)).toBeInstanceOf(PermanentError);
  expect(answer(status, 100)).toMatchObject({ code: `chat_${status}_100` });
  expect(answer(status)).toMatchObject({ code: `chat_${status}` });
});

test("what the API says of its refusal is told on", () => {
  expect(answer(400, 100).message).toContain("as the test wants it");
});

test("429 holds for as long as Retry-After says, else 5 s", () => {
  expect(answer(429, undefined, 42_000)).toMatchObject({ retryAfterMs: 42_000, dependency: "chat" });
  expect(answer(429)).toMatchObject({ retryAfterMs: 5_000 });
  expect(answer(429)).toBeInstanceOf(RateLimitedError);
});

test.each([4, 80007, 130429, 131056])("the rate limit's code %i holds, though its status is 400", (code) => {
  expect(answer(400, code)).toBeInstanceOf(RateLimitedError);
});

test.each([500, 501, 507])("%i may be tried again", (status) => {
  expect(answer(status)).toBeInstanceOf(RetryableError);
  expect(answer(status)).toMatchObject({ effect: "unknown" });
});

test("408 may be tried again, for the request did not arrive", () => {
  expect(answer(408)).toMatchObject({ name: "RetryableError", effect: "none" });
});

test.each([502, 503, 504])("%i leaves the outcome unknown", (status) => {
  expect(answer(status)).toBeInstanceOf(UnknownOutcomeError);
});

test.each([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
])("%s means that the API is unreachable", (code) => {
  expect(broken(code)).toBeInstanceOf(UnreachableError);
  expect(broken(code)).toMatchObject({ dependency: "chat" });
});

test.each(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"])(
  "%s leaves the outcome unknown",
  (code) => {
    expect(broken(code)).toBeInstanceOf(UnknownOutcomeError);
  },
);

test("a cancelled request leaves the outcome unknown", () => {
  expect(chatError({ broken: new DOMException("aborted", "AbortError") })).toBeInstanceOf(
    UnknownOutcomeError,
  );
});
