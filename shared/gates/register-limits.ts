import { type QueryExecutorProvider, sql } from "kysely";
import type { Dependency } from "../resilience/dependency.ts";
import { gateName } from "../resilience/gate-name.ts";

/** Writes down the rate limits of dependencies, with a full bucket for a new one; repeating it changes nothing. */
export async function registerLimits(
  db: QueryExecutorProvider,
  dependencies: Iterable<Dependency>,
): Promise<void> {
  const limits = [...dependencies].flatMap(({ name, limit }) =>
    limit === undefined ? [] : [{ name: gateName.limit(name), ...limit }],
  );
  await sql`
    insert into duly.gates as g (name, kind, state, since, count, per_ms, tokens, filled_at)
    select l.name, 'limit', 'clear', duly.now(), l.count, l."perMs", greatest(1, l.count / 10), duly.now()
    from jsonb_to_recordset(${JSON.stringify(limits)}::jsonb) as l(name text, count integer, "perMs" integer)
    order by l.name
    on conflict (name) do update set count = excluded.count, per_ms = excluded.per_ms
    where (g.count, g.per_ms) is distinct from (excluded.count, excluded.per_ms)
  `.execute(db);
}
