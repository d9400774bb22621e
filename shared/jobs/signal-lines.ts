import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Walks a page of the lines above a key and signals those that have jobs but no active one: the backstop of signals
 * that somebody deleted.
 *
 * @returns the last key of the page, to go on above it; undefined at the end.
 */
export async function signalLines(
  db: QueryExecutorProvider,
  above: string,
  page: number,
): Promise<string | undefined> {
  // Steps from key to key, however many jobs each line has.
  const walked = await sql<{ last: string | null; seen: number }>`
    with recursive lines as (
      (select j.ordering_key as key, 1 as place from duly.jobs j
        where j.line_at is not null and j.ordering_key > ${above} order by j.ordering_key limit 1)
      union all
      select next.key, lines.place + 1 from lines cross join lateral (
        select j.ordering_key as key from duly.jobs j
        where j.line_at is not null and j.ordering_key > lines.key order by j.ordering_key limit 1
      ) next where lines.place < ${page}
    ), stopped as (
      insert into duly.line_signals (priority, ordering_key)
      select head.priority, lines.key from lines cross join lateral (
        select j.priority from duly.jobs j where j.ordering_key = lines.key and j.line_at is not null
        order by j.line_at, j.number limit 1
      ) head
      where not exists (select from duly.jobs a where a.active_key = lines.key)
    )
    select max(key) as last, count(*)::integer as seen from lines
  `.execute(db);
  const row = walked.rows[0];
  return row === undefined || row.last === null || row.seen < page ? undefined : row.last;
}
