/** The five priorities, most urgent first; the order is the order in which work is served. */
export const PRIORITIES = ["critical", "high", "medium", "low", "batch"] as const;

/** One of the five classes of urgency; each has queues and workers of its own. */
export type Priority = (typeof PRIORITIES)[number];

/** What a priority promises and what a definition or service that says nothing else gets. */
export interface PriorityDefaults {
  /** Milliseconds within which a due job starts. */
  readonly startsWithinMs: number;
  /** Handlers that run at once in one process. */
  readonly workers: number;
  /** Runs of a handler, the first included. */
  readonly attempts: number;
  /** Milliseconds to wait before the second, third, … attempt; the last one repeats. */
  readonly backoff: readonly number[];
  /** AMQP `priority` property, so that a subscriber's single queue sorts where the broker can. */
  readonly amqpPriority: number;
}

/** Defaults by priority, from the five-priority document: OTPs first, clean-up last. */
export const PRIORITY_DEFAULTS: Readonly<Record<Priority, PriorityDefaults>> = {
  critical: {
    startsWithinMs: 1_000,
    workers: 20,
    attempts: 5,
    backoff: [2_000, 4_000, 8_000, 16_000],
    amqpPriority: 9,
  },
  high: { startsWithinMs: 5_000, workers: 10, attempts: 3, backoff: [2_000, 4_000], amqpPriority: 7 },
  medium: { startsWithinMs: 30_000, workers: 5, attempts: 2, backoff: [2_000], amqpPriority: 5 },
  low: { startsWithinMs: 300_000, workers: 2, attempts: 1, backoff: [], amqpPriority: 3 },
  batch: { startsWithinMs: 3_600_000, workers: 1, attempts: 1, backoff: [], amqpPriority: 1 },
};
