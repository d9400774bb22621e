import { type QueryExecutorProvider, sql } from "kysely";

/**
 * What held jobs wait for, each once: a walk along the index from one name to the next, whatever their number.
 */
export async function whatIsWaitedFor(db: QueryExecutorProvider): Promise<string[]> {
  const result = await sql<{ name: string }>`
    with recursive names as (
      select min(waits_for) as name from duly.jobs where waits_for is not null
      union all
      select (select min(j.waits_for) from duly.jobs j where j.waits_for > names.name)
      from names where names.name is not null
    )
    select name from names where name is not null
  `.execute(db);
  return result.rows.map(({ name }) => name);
}
