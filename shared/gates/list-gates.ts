import { type QueryExecutorProvider, sql } from "kysely";
import { whatIsWaitedFor } from "./held-at.ts";

/** A gate, or something else that jobs wait for, as people see it. */
export interface ListedGate {
  readonly name: string;
  /** Undefined where there is no gate: a provider that cannot be reached, a bulkhead. */
  readonly state: string | null;
  readonly held: number;
  readonly since: Date | null;
  readonly until: Date | null;
  readonly reason: string | null;
  /** Tokens in hand and their most, of a rate limit. */
  readonly limit: string | null;
}

/** Lists every gate that there is, and whatever else held jobs wait for, with how many do. */
export async function listGates(db: QueryExecutorProvider): Promise<ListedGate[]> {
  const names = await whatIsWaitedFor(db);
  const result = await sql<ListedGate>`
    select coalesce(g.name, w.name) as name, g.state, coalesce(waiting.held, 0)::integer as held, g.since,
      case when g.kind = 'limit' or g.state in ('probing', 'releasing') then null else g.until end as until, g.reason,
      case when g.kind = 'limit' then format('%s of %s in %s ms', floor(duly.tokens_of(g)), g.count, g.per_ms) end as limit
    from duly.gates g full join unnest(${names}::text[]) as w(name) on w.name = g.name
      left join lateral (
        select count(*) as held from duly.jobs j where j.waits_for = coalesce(g.name, w.name) and j.state = 'held'
      ) waiting on true
    order by 1
  `.execute(db);
  return result.rows;
}
