import { type QueryExecutorProvider, sql } from "kysely";
import { HEARTBEAT_MS, SILENT } from "./silence.ts";

/** A message is waited for so long before its job comes under suspicion, and so long after all that came behind it. */
const LATE = sql`interval '60 s'`;
/** RabbitMQ brings a retry back within moments of the end of its wait. */
const RETRY_LATE = sql`interval '5 minutes'`;
/** As long as two heartbeats: whoever has taken a delivery has told of it by then. */
const TOLD = sql`${2 * HEARTBEAT_MS} * interval '1 ms'`;
/** Suspects of one queue at a time, the oldest first. */
const MOST_SUSPECTS = 10_000;

/** A job of whom the broker should have a message: sent, and not in anybody's hands. `j` is its row. */
const AT_THE_BROKER = sql`(j.state = 'queued' or (j.state = 'retrying' and j.wake_at is null))`;
const IN_HAND = sql`select unnest(c.in_hand) from duly.consumers c where c.seen_at > duly.now() - ${SILENT}`;

/** One page of a walk over the jobs. */
export interface Walk {
  /** The last id that was looked at; undefined at the end. */
  readonly last: string | undefined;
  readonly suspected: number;
}

/**
 * Looks at the next `page` jobs and suspects those that only the broker can have: what it was given of them was
 * published before this moment.
 */
export async function suspectStragglers(
  trx: QueryExecutorProvider,
  above: string,
  page: number,
): Promise<Walk> {
  const result = await sql<{ last: string | null; suspected: number }>`
    with walked as materialized (
      select j.id, j.send, j.state, j.wake_at, j.service, j.priority, j.enqueued_at, j.retry_at
      from duly.jobs j where j.id > ${above} order by j.id limit ${page}
    ), late as materialized (
      select j.id, j.send, j.service || '.' || j.priority as queue, j.state = 'retrying' as overdue,
        case when j.state = 'retrying' then j.retry_at + ${RETRY_LATE} else duly.now() end as seen_at
      from walked j
      where ${AT_THE_BROKER} and (j.state = 'queued' and j.enqueued_at < duly.now() - ${LATE}
        or j.state = 'retrying' and j.retry_at < duly.now() - ${RETRY_LATE})
    ), known as (
      select queue, count(*) as suspects from duly.suspects group by queue
    ), ranked as (
      select l.*, coalesce(k.suspects, 0) + row_number() over (partition by l.queue order by l.id) as place
      from late l left join known k on k.queue = l.queue
      where not exists (select from duly.outbox o where o.ref = l.id)
        and not exists (select from duly.suspects s where s.job_id = l.id)
    ), noted as (
      insert into duly.suspects (job_id, send, queue, overdue, seen_at)
      select id, send, queue, overdue, seen_at from ranked where place <= ${MOST_SUSPECTS}
      on conflict do nothing returning 1
    )
    select (select w.id from walked w order by w.id desc limit 1) as last,
      (select count(*)::int from noted) as suspected
  `.execute(trx);
  const row = result.rows[0];
  return { last: row?.last ?? undefined, suspected: row?.suspected ?? 0 };
}

/**
 * Clears suspects that went on or are in somebody's hands, and notes which ones all that was published long after them
 * has overtaken: a queue hands out in the order in which it was given, so they are not in it any more.
 *
 * A queue of which no consumer tells is not judged: its jobs wait. Only an overdue retry is, which costs one message.
 */
export async function judgeSuspects(trx: QueryExecutorProvider): Promise<void> {
  await sql`
    delete from duly.suspects s where s.job_id in (${IN_HAND})
      or not exists (select from duly.jobs j where j.id = s.job_id and j.send = s.send and ${AT_THE_BROKER})
  `.execute(trx);
  await sql`
    update duly.suspects s set passed_at = duly.now()
    from duly.suspects other left join duly.queue_marks m on m.queue = other.queue
    where other.job_id = s.job_id and s.passed_at is null and (
      m.last_sent_at > s.seen_at + ${LATE}
      or m.seen_at - greatest(m.empty_since, s.seen_at) > ${LATE} and m.empty_since is not null
      or s.overdue and (m.queue is null or m.seen_at < duly.now() - ${LATE}))
  `.execute(trx);
}

/** Stragglers of one queue that were sent again. */
export interface Stragglers {
  readonly queue: string;
  readonly jobs: number;
}

/**
 * Sends suspects again that were overtaken two heartbeats ago and still are in nobody's hands. The older message is
 * stale, if it should come after all.
 */
export async function sendStragglers(trx: QueryExecutorProvider): Promise<Stragglers[]> {
  const lost = await sql<{ id: string; queue: string }>`
    select j.id, s.queue from duly.jobs j join duly.suspects s on s.job_id = j.id and s.send = j.send
    where s.passed_at <= duly.now() - ${TOLD} and ${AT_THE_BROKER} and j.id not in (${IN_HAND})
    order by j.id limit 1000 for no key update of j skip locked
  `.execute(trx);
  const ids = lost.rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  await sql`select duly.send_again(${ids}::uuid[])`.execute(trx);
  await sql`delete from duly.suspects where job_id = any(${ids}::uuid[])`.execute(trx);
  const counts = new Map<string, number>();
  for (const { queue } of lost.rows) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  return [...counts].map(([queue, jobs]) => ({ queue, jobs }));
}
