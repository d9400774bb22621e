/** Duly's one public face: define jobs and events, enqueue them in your transaction, handle them. */
export { ConsumerConfig, readConfig, ServiceConfig } from "./config/env.ts";
export {
  type Answer,
  type AskContext,
  type Effects,
  type Handler,
  handle,
  type Intent,
  type JobInHand,
  type PerformContext,
  type SettlingTransaction,
} from "./consuming/handle.ts";
export { type Reaction, type Subscription, subscribe } from "./consuming/subscribe.ts";
export { defineEvent, type EventDefinition, type EventRecord } from "./contracts/define-event.ts";
export { defineJob, type JobDefinition, type JobOptions } from "./contracts/define-job.ts";
export { PRIORITIES, PRIORITY_DEFAULTS, type Priority } from "./contracts/priority.ts";
export type { Database } from "./database/database.ts";
export type { DulyTables } from "./database/tables.ts";
export {
  ConfigError,
  DulyError,
  PermanentError,
  RateLimitedError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "./errors/errors.ts";
export { type EmitOptions, emit } from "./events/emit.ts";
export { type Cancellation, cancelJob as cancel } from "./jobs/cancel-job.ts";
export { type BulkItem, type EnqueueOptions, enqueue, enqueueMany } from "./jobs/enqueue.ts";
export type { Logger } from "./log/logger.ts";
export { type Dependency, type DependencyOptions, dependency } from "./resilience/dependency.ts";
export { type CommandContext, runCommand } from "./runtime/run-command.ts";
export { type ConsumeOptions, runService, type ServiceContext } from "./runtime/run-service.ts";
