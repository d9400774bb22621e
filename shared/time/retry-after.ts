/**
 * Reads a `Retry-After` header, seconds or an HTTP date (RFC 9110 §10.2.3), as milliseconds from `now`.
 *
 * @returns undefined when there is none or it cannot be meant; 0 for a date that has passed.
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // HTTP dates name their weekday; Date.parse would also take "-1" or "2".
  if (!/^[A-Z][a-z]{2,8}, /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
