import { type QueryExecutorProvider, sql } from "kysely";

/** A pause that people want: of a type or of a queue. */
export interface Pause {
  /** Of `gateName.type` or `gateName.queue`. */
  readonly gate: string;
  readonly reason: string | undefined;
  /** When it ends by itself; none means when somebody ends it. */
  readonly until: Date | undefined;
}

/** Shuts a gate because people want it so; repeating it changes reason and end. */
export async function pauseGate(db: QueryExecutorProvider, { gate, reason, until }: Pause): Promise<void> {
  await sql`
    insert into duly.gates as g (name, kind, state, reason, since, until)
    values (${gate}, 'pause', 'shut', ${reason ?? null}, duly.now(), ${until ?? null})
    on conflict (name) do update set state = 'shut', reason = excluded.reason, until = excluded.until,
      since = case g.state when 'shut' then g.since else excluded.since end
  `.execute(db);
}

/** Ends a pause: what it held is released. @returns whether there was one. */
export async function resumeGate(db: QueryExecutorProvider, gate: string): Promise<boolean> {
  const ended = await sql`
    update duly.gates set state = 'releasing', ramp = 1, since = duly.now(), until = duly.now()
    where name = ${gate} and kind = 'pause' and state = 'shut' returning 1
  `.execute(db);
  return ended.rows.length > 0;
}
