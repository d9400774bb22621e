import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runWithin } from "#shared/consuming/run-within.ts";
import { UnknownOutcomeError } from "#shared/errors/errors.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = () => Promise.withResolvers<never>().promise;

test("gives what the run returns and leaves no timer behind", async () => {
  const hurry = new AbortController();
  await expect(runWithin(1_000, hurry.signal, async () => "done")).resolves.toBe("done");
  expect(vi.getTimerCount()).toBe(0);
});

test("a run that throws at once is a rejection like any other", async () => {
  const run = () => {
    throw new Error("at once");
  };
  await expect(runWithin(1_000, new AbortController().signal, run)).rejects.toThrow("at once");
  expect(vi.getTimerCount()).toBe(0);
});

test("after the timeout the signal is aborted and the outcome is unknown, though the run goes on", async () => {
  let seen: AbortSignal | undefined;
  const running = runWithin(500, new AbortController().signal, (signal) => {
    seen = signal;
    return never();
  });
  const ended = running.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(499);
  expect(seen?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await ended).toBeInstanceOf(UnknownOutcomeError);
  expect(seen?.aborted).toBe(true);
});

test("hurry aborts the run, also one that begins after it", async () => {
  const hurry = new AbortController();
  let seen: AbortSignal | undefined;
  const running = runWithin(60_000, hurry.signal, (signal) => {
    seen = signal;
    return never();
  });
  hurry.abort();
  await expect(running).rejects.toThrow("stops");
  expect(seen?.aborted).toBe(true);
  await expect(runWithin(60_000, hurry.signal, never)).rejects.toThrow("stops");
  expect(vi.getTimerCount()).toBe(0);
});

test("a run that fails after it was given up disturbs nobody", async () => {
  const late = Promise.withResolvers<never>();
  const running = runWithin(10, new AbortController().signal, () => late.promise);
  const ended = running.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(10);
  expect(await ended).toBeInstanceOf(UnknownOutcomeError);
  late.reject(new Error("nobody waits for this"));
  await vi.advanceTimersByTimeAsync(10); // an unhandled rejection would fail the run of the tests
});
