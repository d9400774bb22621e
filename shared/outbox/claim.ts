import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import type { Lane } from "./lanes.ts";

/** A row of the outbox, locked by the transaction that claimed it. */
export interface OutboxRow {
  readonly lane: Lane;
  readonly id: bigint;
  /** The job, letter or event that is to go out. */
  readonly ref: string;
  readonly send: number;
  readonly delayMs: number | undefined;
  readonly returns: number;
}

/** How a claim looks at one lane. */
export interface LaneLook {
  readonly lane: Lane;
  readonly above: bigint;
}

/** The part of a window that a lane gets even when those before it could fill all of it: one twentieth. */
const SMALL_SHARE = 20;

/**
 * Locks up to about `window` rows, lane by lane in the given order and by id within one, and a few whose wait after a
 * return is over; rows that another relay has locked are skipped. The locks live as long as the transaction.
 */
export async function claim(
  trx: QueryExecutorProvider,
  lanes: readonly LaneLook[],
  window: number,
): Promise<OutboxRow[]> {
  const share = Math.max(1, Math.floor(window / SMALL_SHARE));
  const picks = lanes.map((look, place) => pick(look, place, window, share));
  const names = lanes.map((_, place) => sql.raw(`select * from pick${place}`));
  const result = await sql<RawRow>`
    with ${sql.join(picks, sql`, `)}
    select lane, id, ref, send, delay_ms, returns from (${sql.join(names, sql` union all `)}) picked order by lane, id
  `.execute(trx);
  return result.rows.map((row) => ({
    lane: row.lane,
    id: BigInt(row.id),
    ref: row.ref,
    send: row.send,
    delayMs: row.delay_ms ?? undefined,
    returns: row.returns,
  }));
}

interface RawRow {
  lane: Lane;
  id: string;
  ref: string;
  send: number;
  delay_ms: number | null;
  returns: number;
}

function pick(look: LaneLook, place: number, window: number, share: number): RawBuilder<unknown> {
  const before = Array.from({ length: place }, (_, earlier) => `(select count(*) from pick${earlier})`).join(
    " - ",
  );
  const limit = place === 0 ? sql`${window}` : sql`greatest(${share}, ${window} - ${sql.raw(before)})`;
  return sql`${sql.raw(`pick${place}`)} as materialized (
    select * from (
      select * from duly.outbox where lane = ${look.lane}::duly.lane and id > ${look.above} and not_before is null
      order by id limit ${limit} for update skip locked
    ) fresh
    union all
    select * from (
      select * from duly.outbox where lane = ${look.lane}::duly.lane and not_before <= duly.now()
      order by not_before limit ${share} for update skip locked
    ) waited
  )`;
}
