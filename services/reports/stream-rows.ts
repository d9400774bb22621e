import { type Expression, sql } from "kysely";
import type { Database } from "#shared/index.ts";

const ROWS_PER_FETCH = 1_000;

/**
 * Streams the rows of a query that has too many to hold, a thousand at a time, as they are asked for.
 *
 * All are of one snapshot (repeatable read, read only). Holds one connection from the first row until the loop ends,
 * so `db` must not be the pool that settles jobs.
 */
export async function* streamRows<Row>(db: Database, query: Expression<Row>): AsyncGenerator<Row> {
  const snapshot = db.startTransaction().setIsolationLevel("repeatable read").setAccessMode("read only");
  const trx = await snapshot.execute();
  try {
    await sql`declare streamed no scroll cursor for ${query}`.execute(trx);
    let rows: Row[];
    do {
      ({ rows } = await sql<Row>`fetch ${sql.lit(ROWS_PER_FETCH)} from streamed`.execute(trx));
      yield* rows;
    } while (rows.length === ROWS_PER_FETCH);
  } finally {
    await trx.rollback().execute();
  }
}
