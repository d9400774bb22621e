import type { z } from "zod";
import { PRIORITY_DEFAULTS, type Priority } from "./priority.ts";

/** Everything the engine knows of a kind of job: one definition feeds validation, queues and defaults. */
export interface JobDefinition<Payload = unknown> {
  /** Stable name, `payment.execute`; the AMQP `type` of its messages. */
  readonly type: string;
  readonly payload: z.ZodType<Payload>;
  /** Priority of a job that asks for none. */
  readonly priority: Priority;
  /** Every priority its jobs may have; each gets a queue. */
  readonly priorities: readonly Priority[];
  /** Attempts before a job dead-letters, the first included. */
  readonly attempts: number;
  /** Milliseconds before the second, third, … attempt; the last one repeats. */
  readonly backoff: readonly number[];
  /** Milliseconds after which `perform` is aborted and its outcome counts as unknown. */
  readonly timeoutMs: number;
  /** Bytes of payload, as UTF-8 JSON, above which enqueueing is refused. */
  readonly maxPayloadBytes: number;
}

/** What `defineJob` takes; everything but the payload has a default. */
export interface JobOptions<Payload> {
  readonly payload: z.ZodType<Payload>;
  /** @default "medium" */
  readonly priority?: Priority;
  /** @default only `priority` */
  readonly priorities?: readonly Priority[];
  /** @default by priority, see PRIORITY_DEFAULTS */
  readonly attempts?: number;
  /** @default by priority, see PRIORITY_DEFAULTS */
  readonly backoff?: readonly number[];
  /** @default 30_000 */
  readonly timeoutMs?: number;
  /** @default 131_072 (128 KiB) */
  readonly maxPayloadBytes?: number;
}

const TYPE_NAME = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/;
/** PostgreSQL's integer and JavaScript's timers: about 24 days. */
const LONGEST_MS = 2 ** 31 - 1;
const LARGEST_PAYLOAD = 8 * 1024 * 1024;

/**
 * Defines a kind of job.
 *
 * @throws {TypeError} when the name, a priority or a number cannot be meant.
 */
export function defineJob<Payload>(type: string, options: JobOptions<Payload>): JobDefinition<Payload> {
  const priority = options.priority ?? "medium";
  const defaults = PRIORITY_DEFAULTS[priority];
  const definition: JobDefinition<Payload> = {
    type,
    payload: options.payload,
    priority,
    priorities: options.priorities ?? [priority],
    attempts: options.attempts ?? defaults.attempts,
    backoff: options.backoff ?? defaults.backoff,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxPayloadBytes: options.maxPayloadBytes ?? 131_072,
  };
  assertMeaningful(definition);
  return Object.freeze(definition);
}

function assertMeaningful(definition: JobDefinition): void {
  const { type, priority, priorities, attempts, backoff, timeoutMs, maxPayloadBytes } = definition;
  if (!TYPE_NAME.test(type) || type.length > 100) {
    throw new TypeError(
      `job type "${type}": use dotted lower-case words of at most 100 characters, like "payment.execute"`,
    );
  }
  if (!priorities.includes(priority)) {
    throw new TypeError(`job type "${type}": its default priority ${priority} is not among its priorities`);
  }
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 1000) {
    throw new TypeError(`job type "${type}": attempts must be a whole number from 1 to 1000`);
  }
  if (attempts > 1 && backoff.length === 0) {
    throw new TypeError(
      `job type "${type}": ${attempts} attempts need at least one backoff delay in milliseconds`,
    );
  }
  if (backoff.some((delay) => !Number.isInteger(delay) || delay < 0 || delay > LONGEST_MS)) {
    throw new TypeError(`job type "${type}": backoff delays are whole milliseconds from 0 to ${LONGEST_MS}`);
  }
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > LONGEST_MS) {
    throw new TypeError(`job type "${type}": timeoutMs must be a whole number from 1 to ${LONGEST_MS}`);
  }
  if (!Number.isInteger(maxPayloadBytes) || maxPayloadBytes < 1 || maxPayloadBytes > LARGEST_PAYLOAD) {
    throw new TypeError(`job type "${type}": maxPayloadBytes must be from 1 to ${LARGEST_PAYLOAD}`);
  }
}
