import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Sends jobs whose time has come, by priority, due time and enqueue number, at most `limit` of each priority: new state,
 * next send and outbox row in one statement. Jobs that another scheduler has locked are left to it.
 *
 * @returns how many were sent.
 */
export async function fireDue(trx: QueryExecutorProvider, limit: number): Promise<number> {
  const result = await sql<{ fired: string }>`
    with due as materialized (
      select d.* from unnest(enum_range(null::duly.priority)) as p(priority) cross join lateral (
        select j.id, j.wake_at from duly.jobs j
        where j.priority = p.priority and j.wake_at <= duly.now()
        order by j.wake_at, j.number limit ${limit} for no key update skip locked
      ) d
    ), fired as (
      update duly.jobs j set state = 'queued', send = send + 1, wake_at = null, retry_at = null, waits_for = null
      from due where j.id = due.id
      returning j.id, j.send, j.priority, j.number, due.wake_at as due_at
    ), outgoing as (
      insert into duly.outbox (lane, ref, send)
      select priority::text::duly.lane, id, send from fired order by priority, due_at, number
      returning lane
    )
    select count(*) as fired, case when count(*) > 0 then duly.wake_relay(array_agg(distinct lane)) end from outgoing
  `.execute(trx);
  return Number(result.rows[0]?.fired ?? 0);
}

/** The earliest time at which a waiting job is due, and the database's present time, both in ms since 1970. */
export async function nextDue(
  db: QueryExecutorProvider,
): Promise<{ nextMs: number | undefined; nowMs: number }> {
  const result = await sql<{ next: number | null; now: number }>`
    select extract(epoch from least(
      (select min(first.wake_at) from unnest(enum_range(null::duly.priority)) as p(priority) cross join lateral (
        select j.wake_at from duly.jobs j where j.priority = p.priority and j.wake_at is not null
        order by j.wake_at limit 1) first),
      (select min(expires_at) from duly.expiries)
    ))::float8 * 1000 as next, extract(epoch from duly.now())::float8 * 1000 as now
  `.execute(db);
  const row = result.rows[0];
  if (row === undefined) throw new Error("PostgreSQL did not tell the time");
  return { nextMs: row.next ?? undefined, nowMs: row.now };
}
