import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Lets jobs wait at gates, many in one statement: nothing counted, their deliveries become stale. Whoever opens the gate
 * releases them; should that be lost, they come after `backstopMs`. The caller holds the jobs' locks.
 */
export async function holdAtGate(
  trx: QueryExecutorProvider,
  jobs: readonly { readonly id: string; readonly waitsFor: string }[],
  backstopMs: number,
): Promise<void> {
  if (jobs.length === 0) return;
  await sql`
    update duly.jobs j set state = 'held', send = j.send + 1, holder = null, waits_for = held.waits_for,
      wake_at = duly.now() + ${backstopMs} * interval '1 ms'
    from unnest(${jobs.map(({ id }) => id)}::uuid[], ${jobs.map(({ waitsFor }) => waitsFor)}::text[])
      as held(id, waits_for)
    where j.id = held.id
  `.execute(trx);
}
