import { type QueryExecutorProvider, sql } from "kysely";

/** What the sweep or a new incarnation has put right. */
export interface Repair {
  readonly kind: string;
  readonly jobs: number;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly made_at: Date;
}

/** Writes down what was put right, in the transaction that does it. */
export async function noteRepair(
  trx: QueryExecutorProvider,
  kind: string,
  jobs: number,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await sql`
    insert into duly.repairs (kind, jobs, detail, made_at)
    values (${kind}, ${jobs}, ${JSON.stringify(detail)}::jsonb, duly.now())
  `.execute(trx);
}

/** The last repairs, the youngest first. */
export async function lastRepairs(db: QueryExecutorProvider, limit: number): Promise<Repair[]> {
  const result = await sql<Repair>`
    select kind, jobs::int as jobs, detail, made_at from duly.repairs order by id desc limit ${limit}
  `.execute(db);
  return result.rows;
}

/** How many jobs of each queue are under suspicion: they went out a while ago, and nobody has them. */
export async function suspectsByQueue(db: QueryExecutorProvider): Promise<{ queue: string; jobs: number }[]> {
  const result = await sql<{ queue: string; jobs: number }>`
    select queue, count(*)::int as jobs from duly.suspects group by queue order by queue
  `.execute(db);
  return result.rows;
}
