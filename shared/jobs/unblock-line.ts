import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Lets the line of an ordering key go on past the dead letter that holds it; a later replay waits for its turn.
 *
 * @returns the id of that letter's job; undefined when no dead letter holds the line.
 */
export async function unblockLine(
  db: QueryExecutorProvider,
  orderingKey: string,
): Promise<string | undefined> {
  const passed = await sql<{ id: string }>`
    update duly.jobs set continues = true where active_key = ${orderingKey} and state = 'dead_lettered' returning id
  `.execute(db);
  return passed.rows[0]?.id;
}
