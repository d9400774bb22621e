import { type QueryExecutorProvider, sql } from "kysely";
import type { Gate } from "./gate.ts";

/** Reads the gates at which jobs wait now; there are few. */
export async function readGates(db: QueryExecutorProvider): Promise<Gate[]> {
  const result = await sql<Gate>`
    select name, kind, state, probe from duly.gates where state in ('shut', 'probing') order by name
  `.execute(db);
  return result.rows;
}
