import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { aborted } from "#shared/time/aborted.ts";
import { firstOf } from "#shared/time/first-of.ts";

test("is aborted with the first of its sources, for that one's reason", async () => {
  const [one, other] = [new AbortController(), new AbortController()];
  using first = firstOf(one.signal, other.signal);
  const waiting = aborted(first.signal);
  other.abort(new Error("the other"));
  one.abort(new Error("the one"));
  await waiting;
  expect(first.signal.reason).toEqual(new Error("the other"));
});

test("is aborted at once where a source is", () => {
  const gone = AbortSignal.abort(new Error("gone"));
  using first = firstOf(new AbortController().signal, gone);
  expect(first.signal.reason).toEqual(new Error("gone"));
});

test("leaves nothing with its sources once it is disposed of or aborted", () => {
  const [one, other] = [new AbortController(), new AbortController()];
  {
    using first = firstOf(one.signal, other.signal);
    first.signal.addEventListener("abort", () => undefined);
    expect(getEventListeners(one.signal, "abort")).toHaveLength(1);
  }
  using second = firstOf(one.signal, other.signal);
  one.abort();
  expect(second.signal.aborted).toBe(true);
  for (const { signal } of [one, other]) expect(getEventListeners(signal, "abort")).toEqual([]);
});
