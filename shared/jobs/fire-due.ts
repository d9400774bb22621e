import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Sends jobs whose time comes within `aheadMs`, by priority, due time and enqueue number, at most `limit` of each priority: new state,
 * next send and outbox row in one statement. Jobs that another scheduler has locked are left to it.
 *
 * A job with an ordering key that was not sent before joins its line instead: the promoter sends it.
 *
 * The way through the broker takes longer than a few milliseconds; whoever gets the delivery before the due time waits
 * for it.
 *
 * @returns how many were sent.
 */
export async function fireDue(db: QueryExecutorProvider, limit: number, aheadMs: number): Promise<number> {
  const result = await sql<{ fired: string }>`
    with due as materialized (
      select d.* from unnest(enum_range(null::duly.priority)) as p(priority) cross join lateral (
        select j.id, j.wake_at, j.ordering_key is not null and j.state = 'scheduled' as joins from duly.jobs j
        where j.priority = p.priority and j.wake_at <= duly.now() + ${aheadMs} * interval '1 ms'
        order by j.wake_at, j.number limit ${limit} for no key update skip locked
      ) d
    ), fired as (
      update duly.jobs j set wake_at = null, waits_for = null,
        state = (case when due.joins then 'blocked' else 'queued' end)::duly.job_state,
        send = case when due.joins then j.send else j.send + 1 end
      from due where j.id = due.id
      returning j.id, j.state, j.send, j.priority, j.number, due.wake_at as due_at
    ), outgoing as (
      insert into duly.outbox (lane, ref, send)
      select priority::text::duly.lane, id, send from fired where state = 'queued' order by priority, due_at, number
      returning lane
    )
    select (select count(*) from fired) as fired,
      case when count(*) > 0 then duly.wake_relay(array_agg(distinct lane)) end from outgoing
  `.execute(db);
  return Number(result.rows[0]?.fired ?? 0);
}

/** What comes next, in ms since 1970 on the database's clock; undefined for nothing. */
export interface NextTimes {
  readonly dueMs: number | undefined;
  readonly expiryMs: number | undefined;
  readonly nowMs: number;
}

/** Reads when the next waiting job is due and when the next one expires: one index probe each. */
export async function nextTimes(db: QueryExecutorProvider): Promise<NextTimes> {
  const result = await sql<{ due: number | null; expiry: number | null; now: number }>`
    select extract(epoch from (
      select min(first.wake_at) from unnest(enum_range(null::duly.priority)) as p(priority) cross join lateral (
        select j.wake_at from duly.jobs j where j.priority = p.priority and j.wake_at is not null
        order by j.wake_at limit 1) first
    ))::float8 * 1000 as due,
    extract(epoch from (select min(expires_at) from duly.expiries))::float8 * 1000 as expiry,
    extract(epoch from duly.now())::float8 * 1000 as now
  `.execute(db);
  const row = result.rows[0];
  if (row === undefined) throw new Error("PostgreSQL did not tell the time");
  return { dueMs: row.due ?? undefined, expiryMs: row.expiry ?? undefined, nowMs: row.now };
}
