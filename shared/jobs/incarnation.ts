import { type QueryExecutorProvider, sql } from "kysely";

/** Which broker the sends stand on. */
export interface Incarnation {
  readonly id: string;
  /** Whether the broker was given its marker. Before that nothing is published, so nothing can be lost. */
  readonly marked: boolean;
}

/** What went out again because the broker had lost it. */
export interface NewIncarnation {
  readonly incarnation: string;
  /** Jobs sent again. */
  readonly queued: number;
  /** Jobs whose backoff is now waited out in the table. */
  readonly retrying: number;
  /** Open letters whose parked copies are made again. */
  readonly letters: number;
}

export async function readIncarnation(db: QueryExecutorProvider): Promise<Incarnation> {
  const result = await sql<Incarnation>`select id, marked from duly.broker_incarnation`.execute(db);
  const row = result.rows[0];
  if (row === undefined) throw new Error("duly.broker_incarnation is empty: migrate the database");
  return row;
}

/** Waits until nobody else is beginning an incarnation; held until the end of the transaction. */
export async function lockIncarnation(trx: QueryExecutorProvider): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('duly.broker_incarnation'))`.execute(trx);
}

/** Notes that the broker holds the marker. Has to be committed before anything is published. */
export async function noteMarked(db: QueryExecutorProvider, incarnation: string): Promise<void> {
  await sql`update duly.broker_incarnation set marked = true where id = ${incarnation} and not marked`.execute(
    db,
  );
}

/**
 * Begins a new incarnation: all that only the lost broker had goes out again, in the caller's transaction, which holds
 * the lock.
 */
export async function beginIncarnation(trx: QueryExecutorProvider): Promise<NewIncarnation> {
  const result = await sql<{ report: NewIncarnation }>`select duly.begin_incarnation() as report`.execute(
    trx,
  );
  const report = result.rows[0]?.report;
  if (report === undefined) throw new Error("duly.begin_incarnation returned nothing");
  return report;
}
