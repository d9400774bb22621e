import { sql } from "kysely";
import type { Priority } from "#shared/contracts/priority.ts";
import type { Database } from "#shared/database/database.ts";

/** How many rows of the outbox, or of one lane, no relay holds: seen without a lock, which a relay would pass over. */
export async function freeRows(db: Database, lane?: Priority): Promise<number> {
  const { rows } = await sql<{ free: number }>`
    select count(*)::int as free from duly.outbox
    where (xmax = 0 or pg_xact_status(xmax::text::xid8) <> 'in progress')
      and lane = coalesce(${lane ?? null}::duly.lane, lane)
  `.execute(db);
  return rows[0]?.free ?? 0;
}
