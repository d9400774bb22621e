import { randomUUID } from "node:crypto";
import type { Database, Handler, JobInHand, PerformContext } from "#shared/index.ts";

export interface RunOptions {
  readonly jobId?: string;
  readonly intentNumber?: number;
  readonly signal?: AbortSignal;
  readonly progress?: (value: unknown) => void;
}

/** Makes what the engine hands to a handler for one job. */
export function handlerContext<Payload>(
  db: Database,
  handler: Handler<Payload>,
  payload: Payload,
  { jobId = randomUUID(), intentNumber = 1, signal, progress }: RunOptions = {},
): PerformContext<Payload> {
  const { type, priority, attempts } = handler.definition;
  const job: JobInHand = {
    id: jobId,
    type,
    service: "test",
    priority,
    attempt: 1,
    maxAttempts: attempts,
    correlationId: jobId,
    causationId: undefined,
    runAt: undefined,
    enqueuedAt: new Date(),
    expiresAt: undefined,
  };
  return {
    job,
    payload: handler.definition.payload.parse(payload),
    intent: { key: `${jobId}.${intentNumber}`, number: intentNumber },
    db,
    signal: signal ?? new AbortController().signal,
    progress: progress ?? (() => undefined),
  };
}

/** Runs a handler as the engine does where nothing goes wrong: performs, then records in one transaction. */
export async function runHandler<Payload, Receipt>(
  db: Database,
  handler: Handler<Payload, Receipt>,
  payload: Payload,
  options: RunOptions = {},
): Promise<{ receipt: Receipt; result: unknown }> {
  const context = handlerContext(db, handler as Handler<Payload>, payload, options);
  if (handler.perform === undefined) throw new Error(`${handler.definition.type} has no perform`);
  const receipt = await handler.perform(context);
  const result = await db.transaction().execute(async (trx) => await handler.record?.(trx, receipt, context));
  return { receipt, result };
}
