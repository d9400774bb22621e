import { type QueryExecutorProvider, sql } from "kysely";

/** An event that a subscriber's queue lost. */
export interface LostEvent {
  readonly id: string;
  /** Whose queue that was. */
  readonly service: string;
}

/** As long as the longest wait of a row that came back: whoever is away may take a while. */
const LATER = sql`interval '1 minute'`;

/**
 * Has an event told again in a minute, to all who are subscribed; one row at a time, however many queues have lost it.
 *
 * @returns whether it will be: not when the log has no such event any more, or the service is not subscribed to it.
 */
export async function tellLater(trx: QueryExecutorProvider, { id, service }: LostEvent): Promise<boolean> {
  // Whoever is second sees the row of the first. Without that, each telling would beget as many as there are queues. Only
  // one that still waits will do: of any other a relay may hold the confirm, and be about to delete it.
  await sql`select pg_advisory_xact_lock(hashtextextended('duly.event ' || ${id}::text, 0))`.execute(trx);
  const found = await sql<{ wanted: boolean }>`
    with wanted as (
      select e.id from duly.events e join duly.subscriptions s on s.event_type = e.type
      where e.id = ${id} and s.service = ${service}
    ), outgoing as (
      insert into duly.outbox (lane, ref, send, not_before)
      select 'event', id, 1, duly.now() + ${LATER} from wanted
      where not exists (
        select from duly.outbox o where o.lane = 'event' and o.ref = wanted.id and o.not_before > duly.now())
    )
    select exists (select from wanted) as wanted
  `.execute(trx);
  return found.rows[0]?.wanted === true;
}
