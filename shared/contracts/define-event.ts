import type { z } from "zod";

/** A kind of fact that a service publishes for others. */
export interface EventDefinition<Data = unknown> {
  /** Stable name without version, `payment.completed`. */
  readonly type: string;
  /** Raised only by a breaking change; the older version is then published in parallel. */
  readonly version: number;
  readonly data: z.ZodType<Data>;
  /** Routing key on `duly.events` and CloudEvents type: `payment.completed.v1`. */
  readonly routingKey: string;
}

/** One published fact, as a subscription receives it. */
export interface EventRecord<Data> {
  readonly id: string;
  readonly type: string;
  /** When it happened. */
  readonly time: Date;
  readonly subject: string | undefined;
  readonly data: Data;
  readonly correlationId: string;
}

const EVENT_NAME = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/;

/**
 * Defines a kind of event.
 *
 * @throws {TypeError} when the name or version cannot be meant.
 */
export function defineEvent<Data>(
  type: string,
  options: { readonly version: number; readonly data: z.ZodType<Data> },
): EventDefinition<Data> {
  if (!EVENT_NAME.test(type) || type.length > 100) {
    throw new TypeError(`event type "${type}": use dotted lower-case words of at most 100 characters`);
  }
  if (!Number.isInteger(options.version) || options.version < 1) {
    throw new TypeError(`event type "${type}": version must be a whole number from 1`);
  }
  return Object.freeze({
    type,
    version: options.version,
    data: options.data,
    routingKey: `${type}.v${options.version}`,
  });
}
