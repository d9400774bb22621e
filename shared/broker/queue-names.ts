import {
  deadLetterQueue,
  eventQueue,
  LADDER_MS,
  REJECTED_QUEUE,
  UNCLAIMED_QUEUE,
  waitQueue,
  workQueue,
} from "./names.ts";
import type { Topology } from "./topology.ts";

/** The names of all queues that `declareTopology` makes of a topology; those of other programs are not among them. */
export function queueNamesOf({ work, subscriptions }: Topology): ReadonlySet<string> {
  const services = [...work, ...subscriptions].map(({ service }) => service);
  return new Set([
    REJECTED_QUEUE,
    UNCLAIMED_QUEUE,
    ...services.map(deadLetterQueue),
    ...subscriptions.map(({ service }) => eventQueue(service)),
    ...work.flatMap(({ service, priority, delaysMs }) => [
      workQueue(service, priority),
      ...LADDER_MS.filter((rung) => delaysMs.includes(rung)).map((rung) =>
        waitQueue(service, priority, rung),
      ),
    ]),
  ]);
}
