import { type QueryExecutorProvider, sql } from "kysely";
import type { JobDefinition } from "../contracts/define-job.ts";
import type { Priority } from "../contracts/priority.ts";

/** What a job may say beside its payload; the definition's defaults hold for the rest. */
export interface EnqueueOptions {
  /** Due time; none means now. A past one goes out before younger due jobs of its priority. */
  readonly runAt?: Date | undefined;
  /** One of the priorities that the definition allows. */
  readonly priority?: Priority | undefined;
  /** At most one unfinished job of this type has this key. */
  readonly uniqueKey?: string | undefined;
  /**
   * When an unfinished job has the key: `keep` it, and its id is returned; let this one `replace` its payload and
   * options under its id, unless it runs or may have had its effect; or `reject` this one with DU006. @default "keep"
   */
  readonly ifTaken?: "keep" | "replace" | "reject" | undefined;
  /** Due jobs with the same key run one at a time, by due time, then in the order in which they were enqueued. */
  readonly orderingKey?: string | undefined;
  /** After this instant the job is cancelled and not run. */
  readonly expiresAt?: Date | undefined;
  /** Milliseconds, instead of the definition's. */
  readonly timeoutMs?: number | undefined;
  /** A UUID of the caller's making; enqueueing the same id again changes nothing. */
  readonly id?: string | undefined;
  /** The job or event that led to this one; gives causationId and correlationId. */
  readonly cause?: { readonly id: string; readonly correlationId: string } | undefined;
  /** Ties the jobs of one story together; by default the cause's, else the job's own id. */
  readonly correlationId?: string | undefined;
}

/** One job of a bulk: its payload and its own options. */
export interface BulkItem<Payload> extends EnqueueOptions {
  readonly payload: Payload;
}

/**
 * Adds a job inside the caller's transaction: it exists if, and only if, that transaction commits.
 *
 * @returns the job's id, a UUIDv7; with a taken `uniqueKey` the id of the job that holds it.
 * @throws {z.ZodError} when the payload does not fit the definition; {RangeError} for a date or time that is none; and PostgreSQL's error, with code DU001 to DU006
 *   and a hint, for an unknown type, a forbidden priority, an oversized payload, options that cannot be meant or a taken
 *   unique key.
 */
export async function enqueue<Payload>(
  trx: QueryExecutorProvider,
  definition: JobDefinition<Payload>,
  payload: Payload,
  options: EnqueueOptions = {},
): Promise<string> {
  const [id] = await enqueueMany(trx, definition, [{ ...options, payload }]);
  if (id === undefined) throw new Error("duly.enqueue returned no id");
  return id;
}

/**
 * Adds many jobs of one type in one round trip, inside the caller's transaction.
 *
 * @returns their ids, in the order of the items. Throws as `enqueue` does, and then adds none.
 */
export async function enqueueMany<Payload>(
  trx: QueryExecutorProvider,
  definition: JobDefinition<Payload>,
  items: readonly BulkItem<Payload>[],
): Promise<string[]> {
  if (items.length === 0) return [];
  const jobs = JSON.stringify(items.map((item) => toRow(definition, item)));
  const result = await sql<{ id: string }>`
    select id from duly.enqueue_many(${definition.type}, ${jobs}::jsonb) with ordinality as added(id, place) order by place
  `.execute(trx);
  return result.rows.map((row) => row.id);
}

function toRow<Payload>(definition: JobDefinition<Payload>, item: BulkItem<Payload>) {
  assertTimes(definition.type, item);
  return {
    payload: definition.payload.parse(item.payload),
    run_at: item.runAt,
    priority: item.priority,
    unique_key: item.uniqueKey,
    if_taken: item.ifTaken,
    ordering_key: item.orderingKey,
    expires_at: item.expiresAt,
    timeout_ms: item.timeoutMs,
    id: item.id,
    correlation_id: item.correlationId ?? item.cause?.correlationId,
    causation_id: item.cause?.id,
  };
}

// As JSON they would be null, which means "now", "never" and "as the definition says".
function assertTimes(type: string, { runAt, expiresAt, timeoutMs }: EnqueueOptions): void {
  for (const [name, date] of Object.entries({ runAt, expiresAt })) {
    if (date !== undefined && Number.isNaN(date.getTime()))
      throw new RangeError(`${type}: ${name} is an invalid date`);
  }
  if (timeoutMs !== undefined && !Number.isSafeInteger(timeoutMs)) {
    throw new RangeError(`${type}: timeoutMs must be a whole number of milliseconds, not ${timeoutMs}`);
  }
}
