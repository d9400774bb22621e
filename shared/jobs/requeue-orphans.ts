import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Sends running jobs again that no heartbeat has listed for 30 s: next claim, so that the old holder cannot
 * record any more, and next send. Counts a crash where the holder fell silent without signing off.
 *
 * @returns how many were sent.
 */
export async function requeueOrphans(trx: QueryExecutorProvider): Promise<number> {
  const result = await sql<{ sent: string }>`
    with orphans as materialized (
      select j.id, exists (select from duly.consumers c
        where c.instance = j.holder and c.seen_at <= duly.now() - interval '30 s') as crashed
      from duly.jobs j
      where j.holder is not null and j.state = 'running' and not exists (
        select from duly.consumers c
        where c.instance = j.holder and c.seen_at > duly.now() - interval '30 s'
          and (j.id = any (c.in_hand) or j.claimed_at > duly.now() - interval '30 s'))
      order by j.id limit 1000 for no key update skip locked
    ), sent as (
      update duly.jobs j set state = 'queued', claim = claim + 1, send = send + 1, holder = null,
        crashes = crashes + o.crashed::integer
      from orphans o where j.id = o.id
      returning j.id, j.send, j.priority
    ), outgoing as (
      insert into duly.outbox (lane, ref, send) select priority::text::duly.lane, id, send from sent returning lane
    )
    select count(*) as sent, case when count(*) > 0 then duly.wake_relay(array_agg(distinct lane)) end from outgoing
  `.execute(trx);
  return Number(result.rows[0]?.sent ?? 0);
}
