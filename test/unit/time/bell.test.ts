import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Bell } from "#shared/time/bell.ts";

const never = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a ring wakes the one that waits", async () => {
  const bell = new Bell();
  const waiting = bell.wait(60_000, never);
  bell.ring();
  expect(await waiting).toBe(true);
});

test("a ring that finds nobody waiting is kept for the next wait, once", async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  expect(await bell.wait(60_000, never)).toBe(true);
  const second = bell.wait(60_000, never);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await second).toBe(false);
});

test("a wait that nobody rings ends after its time and says so", async () => {
  const waiting = new Bell().wait(250, never);
  await vi.advanceTimersByTimeAsync(249);
  const first = await Promise.race([waiting, Promise.resolve("still waiting")]);
  expect(first).toBe("still waiting");
  await vi.advanceTimersByTimeAsync(1);
  expect(await waiting).toBe(false);
});

test("an abort ends the wait, and a signal that is aborted already lets nobody wait", async () => {
  const bell = new Bell();
  const end = new AbortController();
  const waiting = bell.wait(60_000, end.signal);
  end.abort();
  expect(await waiting).toBe(false);
  expect(await bell.wait(60_000, end.signal)).toBe(false);
});

test("a thousand waits leave neither a timer nor a listener behind", async () => {
  const bell = new Bell();
  const end = new AbortController();
  for (let turn = 0; turn < 1_000; turn += 1) {
    const waiting = bell.wait(60_000, end.signal);
    bell.ring();
    await waiting;
  }
  expect(vi.getTimerCount()).toBe(0);
  expect(getEventListeners(end.signal, "abort")).toHaveLength(0);
});
