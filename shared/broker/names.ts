import { PRIORITIES, type Priority } from "../contracts/priority.ts";

/** The delays that RabbitMQ waits out, in milliseconds; every other delay is waited out in PostgreSQL. */
export const LADDER_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000] as const;

export const JOBS_EXCHANGE = "duly.jobs";
export const EVENTS_EXCHANGE = "duly.events";
export const DEAD_LETTERS_EXCHANGE = "duly.dead-letters";
/** Takes the parked copies that no service's queue is bound for. */
export const UNCLAIMED_EXCHANGE = "duly.dead-letters.unclaimed";
export const UNCLAIMED_QUEUE = "duly.dead-letters";
export const REJECTED_EXCHANGE = "duly.rejected";
export const REJECTED_QUEUE = "duly.rejected";

/** `duly.incarnation.<id>`: an exchange that carries nothing; while it is there, so is what was sent to this broker. */
export function incarnationMarker(id: string): string {
  return `duly.incarnation.${id}`;
}

/** `duly.retry.2s`: where a job goes that waits 2 s for its next attempt. */
export function retryExchange(delayMs: number): string {
  return `duly.retry.${delayMs / 1000}s`;
}

/** `payments.high`: the work queue of one service and priority. */
export function workQueue(service: string, priority: Priority): string {
  return `${service}.${priority}`;
}

/** `payments.high.retry.2s`: the wait queue of one service, priority and delay. */
export function waitQueue(service: string, priority: Priority, delayMs: number): string {
  return `${service}.${priority}.retry.${delayMs / 1000}s`;
}

/** `payments.dead-letters`: the parked copies of a service's letters, for people. */
export function deadLetterQueue(service: string): string {
  return `${service}.dead-letters`;
}

/** `notifications.events`: what a service hears of others. */
export function eventQueue(service: string): string {
  return `${service}.events`;
}

/** The service whose event queue this is; undefined for any other queue. */
export function parseEventQueue(queue: string): string | undefined {
  const [service] = queue.split(".");
  return service !== undefined && eventQueue(service) === queue ? service : undefined;
}

/** `<service>.<priority>.<type>`: the routing key of a job, the same through retries and dead letters. */
export function routingKey(service: string, priority: Priority, type: string): string {
  return `${service}.${priority}.${type}`;
}

/** Reads service and priority out of a work queue's name; undefined for any other queue. */
export function parseWorkQueue(queue: string): { service: string; priority: Priority } | undefined {
  const [service, word, ...rest] = queue.split(".");
  const priority = PRIORITIES.find((known) => known === word);
  if (service === undefined || priority === undefined || rest.length > 0) return undefined;
  return { service, priority };
}
