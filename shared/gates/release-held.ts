import { type QueryExecutorProvider, sql } from "kysely";
import type { Priority } from "../contracts/priority.ts";

/** Which held jobs are to be sent. */
export interface Release {
  readonly gate: string;
  readonly most: number;
  /** Whether each has its token of a rate limit. */
  readonly paid?: boolean;
  /** Only those of one queue. */
  readonly queue?: { readonly service: string; readonly priority: Priority };
}

/**
 * Sends jobs that are held at a gate, by priority and enqueue number; those that somebody has locked are left out.
 * `paid` needs a transaction.
 *
 * @returns their ids.
 */
export async function releaseHeld(db: QueryExecutorProvider, release: Release): Promise<string[]> {
  const { gate, most, paid = false, queue } = release;
  const ofQueue =
    queue === undefined
      ? sql``
      : sql`and j.service = ${queue.service} and j.priority = ${queue.priority}::duly.priority`;
  const result = await sql<{ ids: string[] }>`
    with chosen as materialized (
      select j.id, j.priority, j.number from duly.jobs j where j.waits_for = ${gate} and j.state = 'held' ${ofQueue}
      order by j.priority, j.number limit ${most} for no key update skip locked
    )
    select ids, duly.send_again(ids)
    from (select array_agg(id order by priority, number) as ids from chosen) c where ids is not null
  `.execute(db);
  const ids = result.rows[0]?.ids ?? [];
  if (paid) await sql`update duly.jobs set pass = send where id = any(${ids}::uuid[])`.execute(db);
  return ids;
}
