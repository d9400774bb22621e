import { z } from "zod";
import { defineEvent, defineJob } from "#shared/index.ts";

const Payload = z.object({
  round: z.string(),
  /** Attempts that fail before one succeeds. */
  failures: z.number().int(),
  /** Fails for good at once. */
  hopeless: z.boolean(),
  /** How long the provider takes. */
  delayMs: z.number().int(),
});
export type LabPayload = z.infer<typeof Payload>;

/** Enough that no planned failure exhausts them. */
const attempts = 8;
const backoff = [1000, 2000];

/** One job type for each way in which an effect can be kept single. */
export const KINDS = {
  /** A row, written alone in the transaction that settles; says so by an event. */
  row: defineJob("lab.row", { payload: Payload, priority: "high", attempts, backoff }),
  /** Rows, written for many jobs in one statement. */
  group: defineJob("lab.group", { payload: Payload, priority: "low", attempts, backoff }),
  /** An effect at a provider that takes a key and can be asked. */
  keyed: defineJob("lab.keyed", { payload: Payload, priority: "medium", attempts, backoff, timeoutMs: 3000 }),
  /** An effect that may happen twice: its duplicates are counted and shown. */
  repeatable: defineJob("lab.at-least-once", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** An effect that must not happen twice: in doubt the job becomes a dead letter. */
  single: defineJob("lab.at-most-once", { payload: Payload, attempts, backoff, timeoutMs: 3000 }),
  /** A row, in the order in which the jobs of its key were enqueued. */
  ordered: defineJob("lab.ordered", {
    payload: Payload,
    priority: "high",
    attempts,
    backoff,
    onDeadLetter: "continue",
  }),
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
