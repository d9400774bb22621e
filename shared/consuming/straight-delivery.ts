import type { Delivery } from "../broker/consume-queue.ts";
import { HEADER } from "../broker/headers.ts";
import { routingKey } from "../broker/names.ts";
import type { StraightJob } from "../outbox/take-straight.ts";
import type { ConsumerContext } from "./consumer-context.ts";

/** A delivery straight from the outbox; whoever settles it, or claims its job, has to take its row first. */
interface StraightDelivery extends Delivery {
  readonly outboxId: string;
}

/** Makes of an outbox row what the broker would have delivered; there is nobody to ack it to. */
export function straightDelivery(
  job: StraightJob,
  { service, priority, queue }: Pick<ConsumerContext, "service" | "priority" | "queue">,
): StraightDelivery {
  const { id, type, send, attempts, crashes, correlationId, payload, outboxId } = job;
  return {
    outboxId,
    queue,
    exchange: "",
    routingKey: routingKey(service, priority, type),
    body: Buffer.from(payload),
    messageId: id,
    type,
    correlationId,
    headers: { [HEADER.send]: send, [HEADER.attempts]: attempts, [HEADER.crashes]: crashes },
    redelivered: false,
    isGone: () => false,
    ack: () => undefined,
    giveBack: () => undefined,
  };
}

/** The outbox row of a delivery that came straight from there. */
export function outboxIdOf(delivery: Delivery): string | undefined {
  return "outboxId" in delivery ? (delivery as StraightDelivery).outboxId : undefined;
}
