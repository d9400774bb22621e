import { type QueryExecutorProvider, sql } from "kysely";
import { gateKindOf } from "../resilience/gate-name.ts";
import { whatIsWaitedFor } from "./held-at.ts";

/**
 * Releases jobs that are held at a gate which is not shut: they were held while it opened, by somebody who had read it
 * just before.
 *
 * @returns the names of those gates.
 */
export async function reopenForgotten(db: QueryExecutorProvider): Promise<string[]> {
  const awaited = (await whatIsWaitedFor(db)).flatMap((name) => {
    const kind = gateKindOf(name);
    return kind === undefined ? [] : [{ name, kind }];
  });
  if (awaited.length === 0) return [];
  const result = await sql<{ name: string }>`
    insert into duly.gates as g (name, kind, state, since, until)
    select a.name, a.kind::duly.gate_kind, 'releasing', duly.now(), duly.now()
    from jsonb_to_recordset(${JSON.stringify(awaited)}::jsonb) as a(name text, kind text) order by a.name
    on conflict (name) do update set since = duly.now(), until = duly.now(), ramp = 1,
      state = case g.kind when 'limit' then 'shut'::duly.gate_state else 'releasing' end
    where g.state = 'clear'
    returning name
  `.execute(db);
  return result.rows.map(({ name }) => name);
}
