import { EVENTS_EXCHANGE } from "./names.ts";
import type { OutgoingMessage } from "./publish-batch.ts";

/** What an event's message is made of. */
export interface EventSend {
  readonly id: string;
  /** With its version: `payment.completed.v1`. */
  readonly type: string;
  readonly subject: string | undefined;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly occurredAt: Date;
  /** JSON text. */
  readonly data: string;
}

/**
 * Makes an event's message: CloudEvents 1.0 in binary mode, attributes as `cloudEvents_` headers, which an AMQP 1.0
 * consumer sees as application properties (cloudevents/spec, bindings/amqp-protocol-binding.md §3.1).
 */
export function eventMessage(event: EventSend): OutgoingMessage {
  return {
    exchange: EVENTS_EXCHANGE,
    routingKey: event.type,
    body: Buffer.from(event.data),
    properties: {
      messageId: event.id,
      type: event.type,
      correlationId: event.correlationId,
      appId: "duly",
      contentType: "application/json",
      persistent: true,
      timestamp: Math.floor(event.occurredAt.getTime() / 1000),
      headers: {
        cloudEvents_specversion: "1.0",
        cloudEvents_id: event.id,
        cloudEvents_type: event.type,
        cloudEvents_source: "duly",
        cloudEvents_time: event.occurredAt.toISOString(),
        ...(event.subject === undefined ? {} : { cloudEvents_subject: event.subject }),
        cloudEvents_correlationid: event.correlationId,
        ...(event.causationId === undefined ? {} : { cloudEvents_causationid: event.causationId }),
      },
    },
  };
}
