/** The headers that Duly's own messages carry, beside CloudEvents' on events; people read them in RabbitMQ's UI. */
export const HEADER = {
  /** Which hand-over of the job this is; the fence of every delivery. */
  send: "duly-send",
  /** Attempts made before this send. */
  attempts: "duly-attempts",
  /** How many processes died with the job in their hands; only when some did. */
  crashes: "duly-crashes",
  /** When the relay published it, in milliseconds since 1970. */
  sentAt: "duly-sent-at",
  /** On parked copies: the letter's id. */
  letter: "duly-letter",
  /** On parked copies: which copy of the letter. */
  copy: "duly-copy",
  /** On parked copies: why it was parked, in one word. */
  reason: "duly-reason",
  /** On parked copies: what the last error said. */
  error: "duly-error",
  /** On parked copies: the work queue it came from. */
  origin: "duly-origin",
  /** On parked copies: when it was parked, as ISO 8601. */
  failedAt: "duly-failed-at",
  /** On parked copies: the job's id. */
  job: "duly-job",
} as const;
