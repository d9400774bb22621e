import { PRIORITY_DEFAULTS, type Priority } from "../contracts/priority.ts";
import { HEADER } from "./headers.ts";
import { JOBS_EXCHANGE, retryExchange, routingKey } from "./names.ts";
import type { OutgoingMessage } from "./publish-batch.ts";

/** What a job's message is made of. */
export interface JobSend {
  readonly id: string;
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  readonly send: number;
  readonly attempts: number;
  readonly crashes: number;
  readonly correlationId: string;
  /** JSON text. */
  readonly payload: string;
  /** Milliseconds on the retry ladder; undefined goes straight to work. */
  readonly delayMs: number | undefined;
}

/** Makes the message of one send of a job. */
export function jobMessage(job: JobSend, now: number): OutgoingMessage {
  return {
    exchange: job.delayMs === undefined ? JOBS_EXCHANGE : retryExchange(job.delayMs),
    routingKey: routingKey(job.service, job.priority, job.type),
    body: Buffer.from(job.payload),
    properties: {
      messageId: job.id,
      type: job.type,
      correlationId: job.correlationId,
      appId: "duly",
      contentType: "application/json",
      persistent: true,
      priority: PRIORITY_DEFAULTS[job.priority].amqpPriority,
      timestamp: Math.floor(now / 1000), // AMQP counts seconds
      headers: {
        [HEADER.send]: job.send,
        [HEADER.attempts]: job.attempts,
        [HEADER.sentAt]: now,
        ...(job.crashes > 0 && { [HEADER.crashes]: job.crashes }),
      },
    },
  };
}
