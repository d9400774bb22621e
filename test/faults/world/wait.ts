import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 500;

/** Looks again and again whether something is so, for a time at most. @returns whether it is. */
export async function until(
  isSo: () => Promise<boolean>,
  withinMs: number,
  everyMs = LOOK_MS,
): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(everyMs)) {
    if (await isSo()) return true;
  }
  return false;
}

/** Waits until what is left is down to `wanted`, or has not become less for as long as patience lasts. */
export async function comesDown(
  wanted: number,
  left: () => Promise<number>,
  patienceMs: number,
): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  for (let end = Date.now() + patienceMs; Date.now() < end; await sleep(LOOK_MS)) {
    const found = await left();
    if (found <= wanted) return;
    if (found >= least) continue;
    least = found;
    end = Date.now() + patienceMs;
  }
}
