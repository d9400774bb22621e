import { type QueryExecutorProvider, sql } from "kysely";
import type { EventDefinition } from "../contracts/define-event.ts";

export interface EmitOptions {
  /** The job that led to the fact; gives causationId and correlationId. */
  readonly cause?: { readonly id: string; readonly correlationId: string };
  /** What the fact is about, CloudEvents' `subject`: a payment's id, say. */
  readonly subject?: string;
}

/**
 * Publishes a fact inside the caller's transaction: subscribers hear of it if, and only if, that transaction commits.
 *
 * @returns the event's id, a UUIDv7.
 * @throws {z.ZodError} when the data does not fit the definition.
 */
export async function emit<Data>(
  trx: QueryExecutorProvider,
  definition: EventDefinition<Data>,
  data: Data,
  options: EmitOptions = {},
): Promise<string> {
  const body = JSON.stringify(definition.data.parse(data));
  const result = await sql<{ id: string }>`
    select duly.emit(${definition.routingKey}, ${body}::jsonb, ${options.subject ?? null},
      ${options.cause?.correlationId ?? null}::uuid, ${options.cause?.id ?? null}::uuid) as id
  `.execute(trx);
  const id = result.rows[0]?.id;
  if (id === undefined) throw new Error("duly.emit returned no id");
  return id;
}
