import type { Delivery } from "#shared/broker/consume-queue.ts";
import { parseEventQueue, parseWorkQueue } from "#shared/broker/names.ts";
import { crashPoint } from "#shared/config/crash-point.ts";
import { deadLetterDelivery } from "#shared/consuming/dead-letter-delivery.ts";
import { jobIdOf, sendOf } from "#shared/consuming/parse-delivery.ts";
import { Interrupted, untilDatabaseAnswers } from "#shared/database/until-database-answers.ts";
import { tellLater } from "#shared/events/tell-later.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import type { DeadLettersConfig } from "./config.ts";

/** RabbitMQ's reasons that need more words. */
const WHY: Readonly<Record<string, string>> = {
  delivery_limit: "returned too often, its consumer probably died of it each time",
  // No work queue lets anything expire by itself.
  expired: "it expired, so a policy of RabbitMQ gives that queue a message-ttl; take that out",
  // Left to itself, a full one refuses.
  maxlen:
    "there was no room, and a policy of RabbitMQ lets that queue drop its oldest; take its overflow out",
};

/**
 * Makes the dead letter of one message that a queue gave up, then acks it. An event that expired in a subscriber's queue
 * is told again instead, as long as the log has it.
 */
export async function recordRejected(
  delivery: Delivery,
  service: ServiceContext<DeadLettersConfig>,
): Promise<void> {
  const { db, hurry, log } = service;
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
    if (await isToldAgain(delivery, origin, service)) return delivery.ack();
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

async function isToldAgain(
  delivery: Delivery,
  { queue, reason }: Origin,
  { db, hurry, log }: ServiceContext<DeadLettersConfig>,
): Promise<boolean> {
  const subscriber = parseEventQueue(queue);
  const id = jobIdOf(delivery);
  if (reason !== "expired" || subscriber === undefined || id === undefined) return false;
  const tell = () => db.transaction().execute((trx) => tellLater(trx, { id, service: subscriber }));
  const isTold = await untilDatabaseAnswers(tell, hurry, log);
  if (isTold)
    log.warn(
      { queue, event: id },
      "an event expired in its subscriber's queue, so a policy gives that a message-ttl; it is told again in a minute",
    );
  return isTold;
}

interface Origin {
  readonly queue: string;
  readonly reason: string;
}

// The broker writes into x-death which queue it came from and why, newest first.
function whereFrom(deaths: unknown): Origin {
  const newest: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  if (typeof newest !== "object" || newest === null) return { queue: "unknown", reason: "put there by hand" };
  const { queue, reason } = newest as { queue?: unknown; reason?: unknown };
  return {
    queue: typeof queue === "string" ? queue : "unknown",
    reason: typeof reason === "string" ? reason : "unknown",
  };
}
