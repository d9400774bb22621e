import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { aborted } from "#shared/time/aborted.ts";
import { withFirstOf } from "#shared/time/with-first-of.ts";

test("gives a signal that is aborted with the first of the others, for that one's reason", async () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const waiting = withFirstOf([one.signal, other.signal], async (first) => {
    await aborted(first);
    return first.reason as Error;
  });
  other.abort(new Error("the other"));
  one.abort(new Error("the one"));
  expect(await waiting).toEqual(new Error("the other"));
});

test("gives one that is aborted already where another is", async () => {
  const gone = AbortSignal.abort(new Error("gone"));
  const reason = await withFirstOf(
    [new AbortController().signal, gone],
    async (first) => first.reason as Error,
  );
  expect(reason).toEqual(new Error("gone"));
});

test("leaves nothing with the others, however it ends", async () => {
  const signals = [new AbortController().signal, new AbortController().signal];
  const listeners = () => signals.map((signal) => getEventListeners(signal, "abort").length);
  const during = await withFirstOf(signals, async (first) => {
    first.addEventListener("abort", () => undefined);
    return listeners();
  });
  expect(during).toEqual([1, 1]);
  expect(listeners()).toEqual([0, 0]);
  await expect(withFirstOf(signals, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(listeners()).toEqual([0, 0]);
});
