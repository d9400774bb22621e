import { z } from "zod";
import { defineEvent, defineJob, dependency } from "#shared/index.ts";

const Payload = z.object({
  round: z.string(),
  /** Attempts that fail before one succeeds. */
  failures: z.number().int(),
  /** Fails for good at once, until somebody has mended it. */
  hopeless: z.boolean(),
  /** How long the provider takes. */
  delayMs: z.number().int(),
});
export type LabPayload = z.infer<typeof Payload>;

/** Enough that no planned failure exhausts them. */
const attempts = 8;
const backoff = [1000, 2000];

/** Of which a breaker opens within seconds in the laboratory, and finds out soon whether it is back. */
const breaker = { windowMs: 2000, probeAfterMs: 1000 };

/** What `refused` jobs use. */
export const Refusing = dependency("lab.refusing", { breaker });
/** What `gated` jobs use: with less room, and fewer calls, than all that waits after an outage could take. */
export const Failing = dependency("lab.failing", {
  breaker,
  limit: { count: 600, perMs: 10_000 },
  concurrency: 4,
});

/** One job type for each way in which an effect can be kept single. */
export const KINDS = {
  /** A row, written alone in the transaction that settles; says so by an event. */
  row: defineJob("lab.row", { payload: Payload, priority: "high", attempts, backoff }),
  /** Rows, written for many jobs in one statement. */
  group: defineJob("lab.group", { payload: Payload, priority: "low", attempts, backoff }),
  /** An effect at a provider that takes a key and can be asked. */
  keyed: defineJob("lab.keyed", { payload: Payload, priority: "medium", attempts, backoff, timeoutMs: 3000 }),
  /** The same; asked about an effect that is not there, its provider lets none come under that key any more. */
  closing: defineJob("lab.closing", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** The same as `keyed`, behind a breaker, at a provider that refuses connections at times. */
  refused: defineJob("lab.refused", { payload: Payload, attempts, backoff, timeoutMs: 10_000 }),
  /** The same, behind a breaker, a rate limit and a bulkhead, at a provider that answers 503 at times. */
  gated: defineJob("lab.gated", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** An effect that may happen twice: its duplicates are counted and shown. */
  repeatable: defineJob("lab.at-least-once", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** An effect that must not happen twice: in doubt the job becomes a dead letter. */
  single: defineJob("lab.at-most-once", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** A row that may not wait for a broker that is away. */
  critical: defineJob("lab.critical", { payload: Payload, priority: "critical", attempts, backoff }),
  /** An effect under a key that may not wait for it either. */
  urgent: defineJob("lab.urgent", {
    payload: Payload,
    priority: "critical",
    attempts,
    backoff,
    timeoutMs: 3000,
  }),
  /** A row, in the order in which the jobs of its key were enqueued. */
  ordered: defineJob("lab.ordered", {
    payload: Payload,
    priority: "high",
    attempts,
    backoff,
    onDeadLetter: "continue",
  }),
  /** An effect under a key, in the order of its line, which stands still behind a dead letter. */
  line: defineJob("lab.line", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** A row; at most one unfinished job has its unique key. */
  unique: defineJob("lab.unique", { payload: Payload, priority: "high", attempts, backoff }),
  /** An effect, as `closing`, that nobody wants any more after a while. */
  expiring: defineJob("lab.expiring", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** Fails, and is worth nothing any more when its second attempt would be due. */
  brief: defineJob("lab.brief", { payload: Payload, priority: "low", attempts, backoff: [600_000] }),
  /** Kills the process that runs it, each time. */
  poison: defineJob("lab.poison", { payload: Payload, priority: "low", attempts, backoff, timeoutMs: 3000 }),
} as const;
export type Kind = keyof typeof KINDS;

/** What a `row` job tells others. */
export const Noted = defineEvent("lab.noted", {
  version: 1,
  data: z.object({ job: z.uuid(), round: z.string() }),
});

/** What hearing of it asks for: one row for each event, however often it is heard. */
export const Hear = defineJob("lab.heard", {
  payload: z.object({ of: z.uuid(), round: z.string() }),
  priority: "critical",
  attempts,
  backoff,
});

/** One row, in groups that take as long as the laboratory says. */
export const Slow = defineJob("lab.slow", {
  payload: z.object({ round: z.string() }),
  priority: "batch",
  attempts,
  backoff,
});
