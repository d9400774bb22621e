import type { Delivery } from "../broker/consume-queue.ts";
import { crashPoint } from "../config/crash-point.ts";
import type { EventRecord } from "../contracts/define-event.ts";
import type { Database } from "../database/database.ts";
import { isDatabaseFault } from "../database/database-fault.ts";
import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { deriveId } from "../jobs/derive-id.ts";
import { enqueue } from "../jobs/enqueue.ts";
import type { Logger } from "../log/logger.ts";
import { deadLetterDelivery } from "./dead-letter-delivery.ts";
import type { Subscription } from "./subscribe.ts";

export interface EventContext {
  readonly service: string;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly db: Database;
  readonly log: Logger;
  readonly hurry: AbortSignal;
}

/**
 * Makes this service's own job of another's fact, then acks.
 *
 * The job's id is derived from event and subscription: the same event again, however late, makes no second job. What
 * cannot be read, or asks for an impossible job, becomes a dead letter of this service.
 */
export async function hearEvent(delivery: Delivery, context: EventContext): Promise<void> {
  crashPoint("consumer.event-heard");
  try {
    await untilDatabaseAnswers(() => react(delivery, context), context.hurry, context.log);
    crashPoint("consumer.event-settled");
    delivery.ack();
  } catch (error) {
    if (error instanceof Interrupted) return;
    if (isDatabaseFault(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    context.log.warn({ err: error, queue: delivery.queue }, "an event could not be turned into a job");
    await untilDatabaseAnswers(() => bury(delivery, message, context), context.hurry, context.log);
    delivery.ack();
  }
}

async function react(delivery: Delivery, { service, subscriptions, db }: EventContext): Promise<void> {
  const { type } = delivery;
  const subscription = type === undefined ? undefined : subscriptions.get(type);
  if (subscription === undefined)
    throw new Error(`${service} has no subscription for events of type "${String(type)}"`);
  const event = readEvent(delivery, subscription);
  const reaction = subscription.react(event);
  if (reaction === undefined) return;
  const id = deriveId(event.id, `${service}/${reaction.job.type}`);
  await db
    .transaction()
    .execute((trx) =>
      enqueue(trx, reaction.job, reaction.payload, { ...reaction.options, id, cause: event }),
    );
}

function readEvent(delivery: Delivery, subscription: Subscription): EventRecord<unknown> {
  const { messageId, correlationId, headers, body } = delivery;
  const data = subscription.event.data.parse(JSON.parse(body.toString("utf8")));
  const attribute = (name: string): string | undefined => {
    const value = headers[`cloudEvents_${name}`];
    return typeof value === "string" ? value : undefined;
  };
  if (messageId === undefined) throw new Error("the event has no message_id");
  return {
    id: messageId,
    type: subscription.event.type,
    time: new Date(attribute("time") ?? Date.now()),
    subject: attribute("subject"),
    data,
    correlationId: correlationId ?? messageId,
  };
}

async function bury(delivery: Delivery, message: string, { db, service }: EventContext): Promise<void> {
  const { type } = delivery;
  await deadLetterDelivery(db, {
    delivery,
    service,
    priority: undefined,
    reason: "unreadable_message",
    message,
    id: undefined,
    send: undefined,
    type,
  });
}
