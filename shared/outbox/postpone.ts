import { type QueryExecutorProvider, sql } from "kysely";
import type { OutboxRow } from "./claim.ts";

/**
 * Puts rows that no queue took at the end of their lane, out of sight for 1 s, doubling up to a minute with each return.
 */
export async function postpone(trx: QueryExecutorProvider, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql`
    with gone as (
      delete from duly.outbox o using unnest(${rows.map((row) => row.lane)}::duly.lane[],
        ${rows.map((row) => row.id)}::bigint[]) as back(lane, id)
      where o.lane = back.lane and o.id = back.id
      returning o.*
    )
    insert into duly.outbox (lane, ref, send, delay_ms, returns, not_before)
    select lane, ref, send, delay_ms, returns + 1, duly.now() + least(60, 2 ^ least(returns, 6)) * interval '1 s'
    from gone order by gone.id
  `.execute(trx);
}
