import { type QueryExecutorProvider, sql } from "kysely";

/** A critical job that waits in the outbox, with what its message would carry. */
export interface StraightJob {
  readonly outboxId: string;
  readonly id: string;
  readonly type: string;
  readonly send: number;
  readonly attempts: number;
  readonly crashes: number;
  readonly correlationId: string;
  /** JSON text. */
  readonly payload: string;
}

/** Where to look for critical jobs in the outbox, and for how many. */
export interface StraightLook {
  readonly service: string;
  /** Outbox id after which to begin. */
  readonly above: string;
  /** Outbox ids to leave out. */
  readonly inHand: readonly string[];
  readonly limit: number;
}

/** What a look found. */
export interface StraightFound {
  readonly jobs: readonly StraightJob[];
  /** Where the next look begins; undefined when the end was reached. */
  readonly upTo: string | undefined;
}

/** Rows that one look goes through, whosever they are: more would be read ten times a second for nothing. */
const PAGE = 500;

/**
 * Reads a service's critical jobs whose sends are still in the outbox, in their order and a page at a time: those that
 * are due, and not in a relay's or another consumer's hands at this moment. Locks nothing for longer than the reading.
 */
export async function readStraight(
  db: QueryExecutorProvider,
  { service, above, inHand, limit }: StraightLook,
): Promise<StraightFound> {
  const found = await sql<StraightJob & { upTo: string | null }>`
    with page as materialized (
      select id, ref, send, delay_ms from duly.outbox where lane = 'critical' and id > ${above} order by id limit ${PAGE}
    ), free as (
      select o.id as "outboxId", j.id, j.type, j.send, j.attempt as attempts, j.crashes,
        j.correlation_id as "correlationId", j.payload::text as payload
      from page p join duly.outbox o on o.lane = 'critical' and o.id = p.id
        join duly.jobs j on j.id = p.ref and j.send = p.send
      where j.service = ${service} and j.state in ('queued', 'retrying')
        and (p.delay_ms is null or j.retry_at <= duly.now()) and p.id <> all (${inHand}::bigint[])
      order by p.id limit ${limit} for update of o skip locked
    ), seen as (select case when count(*) = ${PAGE} then max(id) end as "upTo" from page)
    select free.*, seen."upTo" from seen left join free on true order by free."outboxId"
  `.execute(db);
  const jobs = found.rows.filter(({ outboxId }) => outboxId !== null);
  // What is beyond the last of a full hand was not looked at.
  const upTo = jobs.length === limit ? jobs.at(-1)?.outboxId : (found.rows[0]?.upTo ?? undefined);
  return { jobs, upTo };
}

/**
 * Takes critical rows out of the outbox; whoever commits this has the sends, and nobody publishes them any more.
 *
 * @returns the ids of those that were there and free.
 */
export async function takeStraight(
  trx: QueryExecutorProvider,
  outboxIds: readonly string[],
): Promise<Set<string>> {
  if (outboxIds.length === 0) return new Set();
  const taken = await sql<{ id: string }>`
    delete from duly.outbox where lane = 'critical' and id in (
      select id from duly.outbox where lane = 'critical' and id = any (${outboxIds}::bigint[])
      order by id for update skip locked)
    returning id
  `.execute(trx);
  return new Set(taken.rows.map(({ id }) => id));
}
