import { type QueryExecutorProvider, sql } from "kysely";

export interface ResendRequest {
  /** With its version, `payment.completed.v1`; undefined for all. */
  readonly type: string | undefined;
  readonly since: Date;
  readonly until: Date;
}

/**
 * Has the events of a time told again, to whoever is subscribed now; the scheduler does it, page by page.
 *
 * @returns how many events that are, as far as the log still has them.
 */
export async function askResend(
  trx: QueryExecutorProvider,
  { type, since, until }: ResendRequest,
): Promise<number> {
  const wanted = type ?? null;
  const result = await sql<{ events: number }>`
    with asked as (
      insert into duly.event_resends (type, above, until, reason, asked_at)
      values (${wanted}, duly.first_id_at(${since}), duly.first_id_at(${until}), 'asked for', duly.now())
      returning above, until
    )
    select count(e.id)::int as events from asked left join duly.events e
      on e.id >= asked.above and e.id < asked.until and (${wanted}::text is null or e.type = ${wanted})
  `.execute(trx);
  return result.rows[0]?.events ?? 0;
}
