import { type QueryExecutorProvider, sql } from "kysely";

/** Shuts the gate of a dependency that fails; one that is shut or being probed stays as it is. */
export async function shutBreaker(
  db: QueryExecutorProvider,
  gate: { readonly name: string; readonly reason: string; readonly probeAfterMs: number },
): Promise<void> {
  await sql`
    insert into duly.gates as g (name, kind, state, reason, since, until, probe_after_ms)
    values (${gate.name}, 'breaker', 'shut', ${gate.reason}, duly.now(),
      duly.now() + ${gate.probeAfterMs} * interval '1 ms', ${gate.probeAfterMs})
    on conflict (name) do update set state = 'shut', reason = excluded.reason, since = excluded.since,
      until = excluded.until, probe_after_ms = excluded.probe_after_ms, probe = null
    where g.state in ('clear', 'releasing')
  `.execute(db);
}
