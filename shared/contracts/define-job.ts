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
  /** What a dead letter means to the later jobs of its ordering key: they wait until it is settled, or they go on. */
  readonly onDeadLetter: "hold" | "continue";
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
  /** @default "hold" */
  readonly onDeadLetter?: "hold" | "continue";
}

const TYPE_NAME = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/;
/** RabbitMQ takes a delivery back that is unacked for 30 minutes (consumer_timeout). */
const LONGEST_TIMEOUT_MS = 25 * 60_000;
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
    onDeadLetter: options.onDeadLetter ?? "hold",
  };
  assertMeaningful(definition);
  return Object.freeze(definition);
}

function assertMeaningful(definition: JobDefinition): void {
  const { type, priority, priorities, attempts, backoff, timeoutMs, maxPayloadBytes } = definition;
  const demands: readonly (readonly [boolean, string])[] = [
    [
      TYPE_NAME.test(type) && type.length <= 100,
      'use dotted lower-case words of at most 100 characters, like "payment.execute"',
    ],
    [priorities.includes(priority), `its default priority ${priority} is not among its priorities`],
    [isWhole(attempts, 1, 1_000), "attempts must be a whole number from 1 to 1000"],
    [
      attempts === 1 || backoff.length > 0,
      `${attempts} attempts need at least one backoff delay in milliseconds`,
    ],
    [
      backoff.every((delay) => isWhole(delay, 0, LONGEST_MS)),
      `backoff delays are whole milliseconds from 0 to ${LONGEST_MS}`,
    ],
    [
      isWhole(timeoutMs, 1, LONGEST_TIMEOUT_MS),
      `timeoutMs must be a whole number from 1 to ${LONGEST_TIMEOUT_MS}, or RabbitMQ takes the delivery back`,
    ],
    [isWhole(maxPayloadBytes, 1, LARGEST_PAYLOAD), `maxPayloadBytes must be from 1 to ${LARGEST_PAYLOAD}`],
  ];
  const missed = demands.find(([met]) => !met);
  if (missed !== undefined) throw new TypeError(`job type "${type}": ${missed[1]}`);
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
