import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Frees the unique keys of locked jobs that are about to end in this transaction: before their handlers write, so that
 * one of these may enqueue the next job under the same key.
 */
export async function freeUniqueKeys(
  trx: QueryExecutorProvider,
  jobs: readonly { readonly id: string; readonly unique_key: string | null }[],
): Promise<void> {
  const ids = jobs.filter((job) => job.unique_key !== null).map(({ id }) => id);
  if (ids.length > 0) await sql`select duly.free_unique_keys(${ids}::uuid[])`.execute(trx);
}
