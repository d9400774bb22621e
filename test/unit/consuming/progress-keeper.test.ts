import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ProgressKeeper } from "#shared/consuming/progress-keeper.ts";
import { createLogger } from "#shared/log/logger.ts";

const log = createLogger("test", "silent");

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function keeper(store?: (value: unknown) => Promise<void>) {
  const stored: unknown[] = [];
  const keep = async (value: unknown) => void stored.push(value);
  return { stored, progress: new ProgressKeeper(store ?? keep, log) };
}

test("the newest progress is stored once a second and no oftener", async () => {
  const { stored, progress } = keeper();
  for (let tenth = 1; tenth <= 30; tenth += 1) {
    progress.note(tenth);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(stored).toEqual([10, 20, 30]);
});

test("closing stores what is left, and nothing when nothing is", async () => {
  const { stored, progress } = keeper();
  progress.note("last");
  await progress.close();
  await progress.close();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(stored).toEqual(["last"]);
});

test("what a handler tells after its run is over is not stored", async () => {
  const { stored, progress } = keeper();
  await progress.close();
  progress.note("too late");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(stored).toEqual([]);
});

test("progress that cannot be stored is no error of the run", async () => {
  const { progress } = keeper(() => Promise.reject(new Error("no database")));
  progress.note(1);
  await expect(progress.close()).resolves.toBeUndefined();
});
