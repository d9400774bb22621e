import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Lets lines move on: takes up to `limit` signals, most urgent first, and sends the first job of each line that has no
 * active one. Jobs go by due time, then in the order in which they were enqueued.
 *
 * Runs in a transaction of its own, of isolation "read committed", so that its second statement sees what others
 * committed before it had the lines' locks.
 *
 * @returns how many signals were done with; with none, there is nothing to be done for now.
 */
export async function promote(trx: QueryExecutorProvider, limit: number): Promise<number> {
  const lines = (await takeSignals(trx, limit)).filter((line) => line.ours);
  return lines.length === 0 ? 0 : sendHeads(trx, lines);
}

/** The signals of one line; `ours` when no other promoter is at work on it. */
interface SignalledLine {
  readonly key: string;
  readonly ids: string[];
  readonly ours: boolean;
}

// The lock of a line is taken by promoters alone, so that settling never waits. A line that another one has keeps its
// signals for the next look.
async function takeSignals(trx: QueryExecutorProvider, limit: number): Promise<SignalledLine[]> {
  const taken = await sql<SignalledLine>`
    with picked as materialized (
      select id, ordering_key as key from duly.line_signals order by priority, id limit ${limit} for update skip locked
    ), lines as materialized (
      select key, array_agg(id) as ids from picked group by key
    )
    select key, ids, pg_try_advisory_xact_lock(hashtextextended('duly.line ' || key, 0)) as ours from lines
  `.execute(trx);
  return taken.rows;
}

// A head whose row is locked may be about to be cancelled: its line is looked at again, after those that wait already.
// Whatever else changes while this runs commits a signal of its own.
async function sendHeads(trx: QueryExecutorProvider, lines: readonly SignalledLine[]): Promise<number> {
  const keys = lines.map((line) => line.key);
  const signals = lines.flatMap((line) => line.ids.map((id) => ({ id, key: line.key })));
  const result = await sql<{ done: number }>`
    with heads as materialized (
      select line.key, head.id from unnest(${keys}::text[]) as line(key) cross join lateral (
        select j.id from duly.jobs j where j.ordering_key = line.key and j.line_at is not null
        order by j.line_at, j.number limit 1
      ) head
      where not exists (select from duly.jobs a where a.active_key = line.key)
    ), locked as materialized (
      select j.id, j.line_at from duly.jobs j join heads on heads.id = j.id where j.state = 'blocked'
      for no key update of j skip locked
    ), sent as (
      update duly.jobs j set state = 'queued', send = j.send + 1 from locked where j.id = locked.id
      returning j.id, j.send, j.priority, j.number, locked.line_at
    ), outgoing as (
      insert into duly.outbox (lane, ref, send)
      select priority::text::duly.lane, id, send from sent order by priority, line_at, number
      returning lane
    ), done as (
      delete from duly.line_signals s
      using unnest(${signals.map((one) => one.id)}::bigint[], ${signals.map((one) => one.key)}::text[]) as taken(id, key)
      where s.id = taken.id returning s.priority, taken.key
    ), stuck as (
      insert into duly.line_signals (priority, ordering_key)
      select min(done.priority), done.key from done join heads on heads.key = done.key
      where not exists (select from locked where locked.id = heads.id) group by done.key
      returning ordering_key as key
    )
    select (select count(*)::integer from done where done.key not in (select key from stuck)) as done,
      case when count(*) > 0 then duly.wake_relay(array_agg(distinct lane)) end from outgoing
  `.execute(trx);
  return result.rows[0]?.done ?? 0;
}
