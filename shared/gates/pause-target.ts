import { type QueryExecutorProvider, sql } from "kysely";
import { gateName } from "../resilience/gate-name.ts";

/** What people may pause. */
export const PAUSABLE = ["type", "queue"] as const;
export type Pausable = (typeof PAUSABLE)[number];

/** The gate of a type or of a work queue; undefined when no service has registered such a one. */
export async function pauseTarget(
  db: QueryExecutorProvider,
  what: Pausable,
  name: string,
): Promise<string | undefined> {
  const known =
    what === "type"
      ? sql`select from duly.job_types where type = ${name}`
      : sql`select from duly.job_types t, unnest(t.priorities) as p where t.service || '.' || p = ${name} limit 1`;
  const found = await sql`${known}`.execute(db);
  return found.rows.length === 0 ? undefined : gateName[what](name);
}
