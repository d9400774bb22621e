import type { Delivery } from "../broker/consume-queue.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { deadLetterDelivery } from "./dead-letter-delivery.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";

/** Dead-letters a delivery of a job that stands neither at work nor in the history; a finished one's is only stale. */
export async function buryUnknownJob(
  delivery: Delivery,
  parsed: ParsedDelivery,
  context: ConsumerContext,
): Promise<void> {
  const { id, send, handler } = parsed;
  const { service, priority } = context;
  const message = `no job has the id ${id}`;
  const type = handler.definition.type;
  await deadLetterDelivery(context.db, {
    delivery,
    service,
    priority,
    reason: "unknown_job",
    message,
    id,
    send,
    type,
  });
}
