/**
 * A pause that doubles with each failure, with jitter so that many who wait do not come back together.
 *
 * @param failures how many in a row, from 1; 0 or less gives the smallest pause.
 * @returns milliseconds between half and all of `firstMs * 2^(failures - 1)`, never above `mostMs`.
 */
export function growingDelay(
  failures: number,
  firstMs: number,
  mostMs: number,
  random: () => number = Math.random,
): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(full * (0.5 + 0.5 * random()));
}
