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

/**
 * Reads a service's critical jobs whose sends are still in the outbox, in their order: those that are due, and not in a
 * relay's or another consumer's hands at this moment. Locks nothing for longer than the reading.
 */
export async function readStraight(
  db: QueryExecutorProvider,
  service: string,
  inHand: readonly string[],
  limit: number,
): Promise<StraightJob[]> {
  const found = await sql<StraightJob>`
    select o.id as "outboxId", j.id, j.type, j.send, j.attempt as attempts, j.crashes,
      j.correlation_id as "correlationId", j.payload::text as payload
    from duly.outbox o join duly.jobs j on j.id = o.ref and j.send = o.send
    where o.lane = 'critical' and j.service = ${service} and j.state in ('queued', 'retrying')
      and (o.delay_ms is null or j.retry_at <= duly.now()) and o.id <> all (${inHand}::bigint[])
    order by o.id limit ${limit} for update of o skip locked
  `.execute(db);
  return found.rows;
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
