import { type QueryExecutorProvider, sql } from "kysely";

/** Ends jobs as cancelled and frees their unique keys; only for locked jobs that certainly had no effect. */
export async function cancel(
  trx: QueryExecutorProvider,
  ids: readonly string[],
  reason: string,
): Promise<void> {
  if (ids.length === 0) return;
  await sql`select duly.end_cancelled(${ids}::uuid[], ${reason})`.execute(trx);
}
