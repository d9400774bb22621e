import type { ConsumerConfig } from "../config/env.ts";
import { PRIORITIES, PRIORITY_DEFAULTS, type Priority } from "../contracts/priority.ts";
import type { Handler } from "./handle.ts";

/** Handlers that run at once in this process, by priority. */
export type Workers = Readonly<Partial<Record<Priority, number>>>;

/** How much of one work queue a process takes. */
export interface QueueSizes {
  readonly priority: Priority;
  /** Handlers with an outside effect that run at once. */
  readonly workers: number;
  /** Deliveries that RabbitMQ hands out before one of them is acked. */
  readonly prefetch: number;
  /** Connections to PostgreSQL. */
  readonly connections: number;
}

const RECORD_PREFETCH = 400;
/** RabbitMQ closes a channel whose delivery is not acked within 30 minutes (consumer_timeout). */
const LONGEST_IN_HAND_MS = 25 * 60_000;

/** Reckons the sizes of each queue that this process serves: one per priority that a definition and PRIORITIES allow. */
export function queueSizes(
  handlers: ReadonlyMap<string, Handler>,
  workers: Workers,
  config: ConsumerConfig,
): QueueSizes[] {
  const allowed = new Set([...handlers.values()].flatMap((handler) => handler.definition.priorities));
  return PRIORITIES.filter((priority) => allowed.has(priority) && config.PRIORITIES.includes(priority)).map(
    (priority) => {
      const atOnce =
        fromEnvironment(priority, config) ?? workers[priority] ?? PRIORITY_DEFAULTS[priority].workers;
      return {
        priority,
        workers: atOnce,
        prefetch: prefetchOf(priority, handlers, atOnce),
        connections: Math.min(atOnce, 5) + 1,
      };
    },
  );
}

function fromEnvironment(priority: Priority, config: ConsumerConfig): number | undefined {
  return {
    critical: config.WORKERS_CRITICAL,
    high: config.WORKERS_HIGH,
    medium: config.WORKERS_MEDIUM,
    low: config.WORKERS_LOW,
    batch: config.WORKERS_BATCH,
  }[priority];
}

function prefetchOf(priority: Priority, handlers: ReadonlyMap<string, Handler>, workers: number): number {
  const performing = [...handlers.values()].filter(
    (handler) => handler.perform !== undefined && handler.definition.priorities.includes(priority),
  );
  if (performing.length === 0) return RECORD_PREFETCH;
  const longest = Math.max(...performing.map((handler) => handler.definition.timeoutMs));
  return Math.max(1, Math.min(2 * workers, Math.floor((LONGEST_IN_HAND_MS * workers) / longest)));
}
