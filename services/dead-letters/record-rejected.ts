import type { Delivery } from "#shared/broker/consume-queue.ts";
import { parseWorkQueue } from "#shared/broker/names.ts";
import { crashPoint } from "#shared/config/crash-point.ts";
import { deadLetterDelivery } from "#shared/consuming/dead-letter-delivery.ts";
import { jobIdOf, sendOf } from "#shared/consuming/parse-delivery.ts";
import { Interrupted, untilDatabaseAnswers } from "#shared/database/until-database-answers.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import type { DeadLettersConfig } from "./config.ts";

/** RabbitMQ's reasons that need more words. */
const WHY: Readonly<Record<string, string>> = {
  delivery_limit: "returned too often, its consumer probably died of it each time",
  // No work queue lets anything expire by itself.
  expired: "it expired, so a policy of RabbitMQ gives that queue a message-ttl; take that out",
};

/** Makes the dead letter of one message that a queue gave up, then acks it. */
export async function recordRejected(
  delivery: Delivery,
  { db, hurry, log }: ServiceContext<DeadLettersConfig>,
): Promise<void> {
  const origin = whereFrom(delivery.headers["x-death"]);
  const place = parseWorkQueue(origin.queue);
  const unfit = {
    delivery,
    service: place?.service ?? "duly",
    priority: place?.priority,
    reason: "rejected_by_broker" as const,
    message: `the queue ${origin.queue} gave it up: ${WHY[origin.reason] ?? origin.reason}`,
    id: jobIdOf(delivery),
    send: sendOf(delivery.headers),
    type: delivery.type,
  };
  try {
    const burial = await untilDatabaseAnswers(() => deadLetterDelivery(db, unfit), hurry, log);
    log.warn(
      { queue: origin.queue, reason: origin.reason, job: unfit.id, burial },
      "a queue gave up a message",
    );
    crashPoint("recorder.recorded");
    delivery.ack();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  }
}

// The broker writes into x-death which queue it came from and why, newest first.
function whereFrom(deaths: unknown): { queue: string; reason: string } {
  const newest: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  if (typeof newest !== "object" || newest === null) return { queue: "unknown", reason: "put there by hand" };
  const { queue, reason } = newest as { queue?: unknown; reason?: unknown };
  return {
    queue: typeof queue === "string" ? queue : "unknown",
    reason: typeof reason === "string" ? reason : "unknown",
  };
}
