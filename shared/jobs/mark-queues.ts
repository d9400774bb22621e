import { type QueryExecutorProvider, sql } from "kysely";
import { SILENT } from "./silence.ts";

/** What a consumer process has just seen of a queue. */
export interface SeenQueue {
  readonly queue: string;
  /** When the youngest of its deliveries was published, in ms since 1970; undefined before the first. */
  readonly lastSentMs: number | undefined;
  readonly isEmpty: boolean;
}

/**
 * Marks up to where queues have been consumed, for the sweep: a job that was sent long before the mark and is nowhere
 * has been lost. Marks only rise. "Empty since" begins anew when nobody has looked for 30 s.
 */
export async function markQueues(db: QueryExecutorProvider, seen: readonly SeenQueue[]): Promise<void> {
  if (seen.length === 0) return;
  await sql`
    insert into duly.queue_marks as m (queue, last_sent_at, empty_since, seen_at)
    select s.queue, to_timestamp(s.sent_ms / 1000), case when s.is_empty then duly.now() end, duly.now()
    from unnest(${seen.map(({ queue }) => queue)}::text[], ${seen.map(({ lastSentMs }) => lastSentMs ?? null)}::float8[],
      ${seen.map(({ isEmpty }) => isEmpty)}::boolean[]) as s(queue, sent_ms, is_empty)
    order by s.queue
    on conflict (queue) do update set
      last_sent_at = greatest(m.last_sent_at, excluded.last_sent_at),
      empty_since = case
        when excluded.empty_since is null or m.seen_at < duly.now() - ${SILENT} then excluded.empty_since
        else coalesce(m.empty_since, excluded.empty_since) end,
      seen_at = excluded.seen_at
  `.execute(db);
}
