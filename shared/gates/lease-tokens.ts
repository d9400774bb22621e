import { type QueryExecutorProvider, sql } from "kysely";

/**
 * Takes up to `wanted` tokens of a rate limit, at once for many jobs, so that its row is not locked for each of them.
 *
 * When there are fewer, the gate is shut: what then waits is released by the scheduler, by priority, and nobody else
 * gets any before.
 *
 * @returns how many were taken.
 */
export async function leaseTokens(db: QueryExecutorProvider, gate: string, wanted: number): Promise<number> {
  const result = await sql<{ taken: number }>`
    with bucket as materialized (
      select name, state, duly.tokens_of(g) as tokens from duly.gates g where name = ${gate} for update
    ), granted as (
      select name, state, tokens, case state when 'clear' then least(${wanted}::integer, floor(tokens)::integer) else 0 end as taken
      from bucket
    )
    update duly.gates g set tokens = b.tokens - b.taken, filled_at = duly.now(),
      state = case when b.spent then 'shut' else g.state end,
      since = case when b.spent then duly.now() else g.since end,
      until = case when b.spent then duly.now() else g.until end
    from (select *, state = 'clear' and taken < ${wanted} as spent from granted) b where g.name = b.name
    returning b.taken
  `.execute(db);
  return result.rows[0]?.taken ?? wanted; // no row, no limit
}
