const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads a duration such as `500ms`, `3s`, `5m`, `1h` or `7d` as milliseconds.
 *
 * @throws {RangeError} when it is not one.
 */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) {
    throw new RangeError(`"${text}" is no duration; write 500ms, 3s, 5m, 1h or 7d`);
  }
  return Number(amount) * UNITS[unit as keyof typeof UNITS];
}
