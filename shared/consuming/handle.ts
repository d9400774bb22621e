import type { Transaction } from "kysely";
import type { JobDefinition } from "../contracts/define-job.ts";
import type { Priority } from "../contracts/priority.ts";
import type { Database } from "../database/database.ts";
import type { DulyTables } from "../database/tables.ts";
import type { Dependency } from "../resilience/dependency.ts";

/** The transaction that settles a job; a service reaches its own tables by `trx.$extendTables<…>()`. */
export type SettlingTransaction = Transaction<DulyTables>;

/** What a handler may know of the job in its hands. */
export interface JobInHand {
  readonly id: string;
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  /** Which run of the handler this is, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  /** When it was due; undefined for a job without `runAt`. */
  readonly runAt: Date | undefined;
  readonly enqueuedAt: Date;
  readonly expiresAt: Date | undefined;
}

/** The stored key of one outside effect; the same until its effect is known not to have happened. */
export interface Intent {
  /** `<job id>.<number>`: the idempotency key for the provider. */
  readonly key: string;
  readonly number: number;
}

interface Context<Payload> {
  readonly job: JobInHand;
  readonly payload: Payload;
}

export interface PerformContext<Payload> extends Context<Payload> {
  /** Connections of this priority's own, so that a lower one's slow queries never keep it waiting. */
  readonly db: Database;
  readonly intent: Intent;
  /** Aborted on timeout and when this process has to stop at once; hand it to everything that waits. */
  readonly signal: AbortSignal;
  /** Tells how far the work is (any JSON value); stored at most once a second. */
  readonly progress: (value: unknown) => void;
}

export type AskContext<Payload> = Omit<PerformContext<Payload>, "progress">;

/**
 * What the provider says of an intent whose outcome is in doubt. After `none` it is tried again under the same key, so
 * that a request which is still on its way cannot have a second effect; `closed` says that nothing can happen under this
 * key any more, and the next try gets a new one.
 */
export type Answer<Receipt> =
  | { readonly effect: "applied"; readonly receipt: Receipt }
  | { readonly effect: "none"; readonly closed?: boolean }
  | { readonly effect: "unknown" };

/**
 * What may happen to an outside effect when its outcome is in doubt: `keyed` provider drops the second one or can be
 * asked; `atLeastOnce` it may happen twice; `atMostOnce` the job dead-letters rather than risk a second one.
 */
export type Effects = "keyed" | "atLeastOnce" | "atMostOnce";

/** A handler with an outside effect. */
export interface PerformingSpec<Payload, Receipt> {
  readonly effects: Effects;
  /** What `perform` and `ask` call: while one of them fails, or its limit is spent, jobs of this type are held. */
  readonly uses?: readonly Dependency[];
  /** Does the outside effect; runs outside any transaction, its intent stored before the call. */
  readonly perform: (context: PerformContext<Payload>) => Promise<Receipt>;
  /** Finds out whether an intent had its effect; called in doubt, before anything is tried again. */
  readonly ask?: (context: AskContext<Payload>) => Promise<Answer<Receipt>>;
  /** Writes what happened, in the transaction that settles the job. A returned JSON value is the job's result. */
  readonly record?: (
    trx: SettlingTransaction,
    receipt: Receipt,
    context: Context<Payload>,
  ) => Promise<unknown>;
  readonly recordFailure?: RecordFailure<Payload>;
}

/** A handler with database effects only, one job at a time. */
export interface RecordingSpec<Payload> {
  /** Writes the effect, in the transaction that settles the job. A returned JSON value is the job's result. */
  readonly record: (
    trx: SettlingTransaction,
    receipt: undefined,
    context: Context<Payload>,
  ) => Promise<unknown>;
  readonly recordFailure?: RecordFailure<Payload>;
}

/** A handler with database effects only, many jobs in one statement. */
export interface GroupRecordingSpec<Payload> {
  /** Writes the effects of all items; if it throws, the engine calls it again with each half of them. */
  readonly recordAll: (trx: SettlingTransaction, items: readonly Context<Payload>[]) => Promise<unknown>;
  readonly recordFailure?: RecordFailure<Payload>;
}

/** Writes what a dead letter means to the domain, in the transaction that makes the letter. */
export type RecordFailure<Payload> = (
  trx: SettlingTransaction,
  error: Error,
  context: Context<Payload>,
) => Promise<unknown>;

/**
 * The function for one job type, as the engine runs it.
 *
 * Declared with methods, which TypeScript compares loosely: a handler of any payload fits, and the engine calls it
 * only with what its own definition has parsed.
 */
export interface Handler<Payload = unknown, Receipt = unknown> {
  readonly definition: JobDefinition<Payload>;
  readonly effects?: Effects;
  readonly uses?: readonly Dependency[];
  perform?(context: PerformContext<Payload>): Promise<Receipt>;
  ask?(context: AskContext<Payload>): Promise<Answer<Receipt>>;
  record?(trx: SettlingTransaction, receipt: Receipt, context: Context<Payload>): Promise<unknown>;
  recordAll?(trx: SettlingTransaction, items: readonly Context<Payload>[]): Promise<unknown>;
  recordFailure?(trx: SettlingTransaction, error: Error, context: Context<Payload>): Promise<unknown>;
}

/** Binds a job type to what runs it. */
export function handle<Payload, Receipt>(
  definition: JobDefinition<Payload>,
  spec: PerformingSpec<Payload, Receipt>,
): Handler<Payload, Receipt>;
export function handle<Payload>(
  definition: JobDefinition<Payload>,
  spec: RecordingSpec<Payload> | GroupRecordingSpec<Payload>,
): Handler<Payload, undefined>;
export function handle<Payload>(
  definition: JobDefinition<Payload>,
  spec: PerformingSpec<Payload, unknown> | RecordingSpec<Payload> | GroupRecordingSpec<Payload>,
): Handler<Payload> {
  return { definition, ...spec };
}
