import type { EventDefinition, EventRecord } from "../contracts/define-event.ts";
import type { JobDefinition } from "../contracts/define-job.ts";
import type { EnqueueOptions } from "../jobs/enqueue.ts";

/** The job of its own that a service makes of another's fact. */
export interface Reaction<Payload = unknown> {
  readonly job: JobDefinition<Payload>;
  readonly payload: Payload;
  readonly options?: Pick<EnqueueOptions, "priority" | "runAt" | "expiresAt" | "uniqueKey">;
}

/** A service's standing interest in one kind of event. Methods, for the reason given at `Handler`. */
export interface Subscription<Data = unknown> {
  readonly event: EventDefinition<Data>;
  react(event: EventRecord<Data>): Reaction | undefined;
}

/**
 * Turns each event of a kind into a job of this service's own; undefined means that this event asks for nothing.
 *
 * The job's id is derived from event and service, so that an event that comes twice makes one job.
 */
export function subscribe<Data, Payload>(
  event: EventDefinition<Data>,
  react: (event: EventRecord<Data>) => Reaction<Payload> | undefined,
): Subscription<Data> {
  return { event, react };
}
