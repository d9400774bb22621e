import { type QueryExecutorProvider, sql } from "kysely";
import { jsonText } from "../errors/json-text.ts";

/** Keeps how far a running job is; does nothing when its claim has moved on. */
export async function storeProgress(
  db: QueryExecutorProvider,
  job: { readonly id: string; readonly claim: number },
  value: unknown,
): Promise<void> {
  await sql`
    update duly.jobs set progress = ${jsonText(value) ?? "null"}::jsonb
    where id = ${job.id} and claim = ${job.claim} and state = 'running'
  `.execute(db);
}
