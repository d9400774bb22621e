import { ConfigError } from "#shared/index.ts";
import { parseDuration } from "#shared/time/parse-duration.ts";
import type { Period } from "./stream-transactions.ts";

/** A period as a person gives it: both ends, or how long until now. */
export interface PeriodOptions {
  readonly from?: string;
  readonly until?: string;
  readonly last?: string;
}

/**
 * Reads the period of a report; times need a zone (`Z` or an offset), so that nobody has to guess.
 *
 * @throws {ConfigError} when it cannot be meant.
 */
export function readPeriod({ from, until, last }: PeriodOptions, now: Date): Period {
  if (last !== undefined) {
    if (from !== undefined || until !== undefined)
      throw new ConfigError("give --last, or --from and --until");
    return { from: new Date(now.getTime() - parseDuration(last)).toISOString(), until: now.toISOString() };
  }
  if (from === undefined || until === undefined)
    throw new ConfigError("give --from and --until, or --last 1h");
  const period = { from: instant("--from", from), until: instant("--until", until) };
  if (period.from >= period.until) throw new ConfigError("--from must be before --until");
  return period;
}

function instant(option: string, text: string): string {
  const time = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new ConfigError(`${option}: "${text}" is no time; write 2026-05-01T00:00:00Z`);
  return new Date(time).toISOString();
}
