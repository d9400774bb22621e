import { type QueryExecutorProvider, sql } from "kysely";
import type { OutboxRow } from "./claim.ts";

/** Deletes rows that went out; only by their own ids, so that a younger send of the same job stays. */
export async function remove(trx: QueryExecutorProvider, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql`
    delete from duly.outbox o using unnest(${rows.map((row) => row.lane)}::duly.lane[],
      ${rows.map((row) => row.id)}::bigint[]) as gone(lane, id)
    where o.lane = gone.lane and o.id = gone.id
  `.execute(trx);
}
