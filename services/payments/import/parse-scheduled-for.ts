import { z } from "zod";

/** When a payment is due. */
export interface DueTime {
  /** What was written, in one spelling: the same for the same meaning, in every run. */
  readonly given: string;
  /** Undefined means at once. */
  readonly at: Date | undefined;
}

const INSTANT = z.iso.datetime({ offset: true });
const HOUR_MS = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: HOUR_MS };
const FARTHEST_MS = 100 * 365 * 24 * HOUR_MS;

/** Reads an ISO 8601 instant with its offset, `+5s`, `+2m` or `+1h` from `start`, or nothing for now. */
export function parseScheduledFor(text: string, start: Date): DueTime | { readonly fault: string } {
  if (text === "") return { given: "", at: undefined };
  const relative = /^\+(\d{1,9})([smh])$/.exec(text);
  if (relative !== null) {
    const [, count = "", unit = ""] = relative;
    const afterMs = Number(count) * (UNIT_MS[unit] ?? 0);
    if (afterMs > FARTHEST_MS) return { fault: `scheduled_for "${text}" is more than 100 years ahead` };
    return { given: `+${Number(count)}${unit}`, at: new Date(start.getTime() + afterMs) };
  }
  const at = INSTANT.safeParse(text).success ? new Date(text) : undefined;
  if (at === undefined || Number.isNaN(at.getTime())) {
    return {
      fault: `scheduled_for "${text.slice(0, 40)}" is neither an instant with its offset (2030-01-31T09:00:00+01:00), nor like +5s, +2m or +1h, nor empty`,
    };
  }
  return { given: at.toISOString(), at };
}
