import { type QueryExecutorProvider, sql } from "kysely";
import { SILENT } from "./silence.ts";

/**
 * Sends running jobs again that no heartbeat has listed for 30 s: next claim, so that the old holder cannot
 * record any more, and next send. Counts a crash where the holder fell silent without signing off.
 *
 * @returns how many were sent.
 */
export async function requeueOrphans(trx: QueryExecutorProvider): Promise<number> {
  const fenced = await sql<{ id: string }>`
    with orphans as materialized (
      select j.id, exists (select from duly.consumers c
        where c.instance = j.holder and c.seen_at <= duly.now() - ${SILENT}) as crashed
      from duly.jobs j
      where j.holder is not null and j.state = 'running' and not exists (
        select from duly.consumers c
        where c.instance = j.holder and c.seen_at > duly.now() - ${SILENT}
          and (j.id = any (c.in_hand) or j.claimed_at > duly.now() - ${SILENT}))
      order by j.id limit 1000 for no key update skip locked
    )
    update duly.jobs j set claim = claim + 1, crashes = crashes + o.crashed::integer from orphans o where j.id = o.id
    returning j.id
  `.execute(trx);
  const ids = fenced.rows.map(({ id }) => id);
  if (ids.length > 0) await sql`select duly.send_again(${ids}::uuid[])`.execute(trx);
  return ids.length;
}
