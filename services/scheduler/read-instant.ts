import { sql } from "kysely";
import type { Database } from "#shared/database/database.ts";
import { ConfigError } from "#shared/index.ts";
import { parseDuration } from "#shared/time/parse-duration.ts";

const DURATION = /^\d+(ms|s|m|h|d)$/;

/**
 * Reads an instant that a person wrote: a duration from now, by the database's clock, or an ISO date with its zone.
 *
 * @throws {ConfigError} when it is neither, or past.
 */
export async function readInstant(db: Database, text: string): Promise<Date> {
  const now = await sql<{ now: Date }>`select duly.now() as now`.execute(db);
  const nowMs = now.rows[0]?.now.getTime() ?? Number.NaN;
  const atMs = DURATION.test(text) ? nowMs + parseDuration(text) : isoMs(text);
  if (Number.isNaN(atMs)) {
    throw new ConfigError(`"${text}" is no time; write 10m, or a date with its zone: 2027-01-31T08:00:00Z`);
  }
  if (atMs <= nowMs) throw new ConfigError(`"${text}" is past`);
  return new Date(atMs);
}

function isoMs(text: string): number {
  return /^\d{4}-\d\d-\d\dT.+(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
}
