import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits until `look` gives something, by looking again and again: for states that announce themselves to nobody.
 *
 * @throws after `timeoutMs`, saying what was waited for and what was seen last.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  timeoutMs = 15_000,
): Promise<T> {
  const begun = Date.now();
  const end = begun + timeoutMs;
  let last: unknown;
  do {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    last = seen;
    // Soon at first; what takes long is not found much later for a longer pause, and each look costs the machine.
    await delay(Math.min(50, 5 + (Date.now() - begun) / 10));
  } while (Date.now() < end);
  throw new Error(`waited ${timeoutMs} ms for ${what}; saw ${String(last)}`);
}
