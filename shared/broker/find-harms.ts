import { JOBS_EXCHANGE } from "./names.ts";
import type { PolicedQueue } from "./read-policed-queues.ts";

/** One setting of a policy by which queues lose what they hold. */
export interface Harm {
  /** As RabbitMQ names it. */
  readonly policy: string;
  readonly setting: string;
  readonly value: unknown;
  /** The queues that it is in force on. */
  readonly queues: readonly string[];
}

type Arguments = PolicedQueue["arguments"];

/**
 * Whether a setting of a policy takes messages from a queue with such arguments. Of two numbers RabbitMQ takes the lower
 * one. For dead letters the argument goes before the policy, for the overflow of a quorum queue the policy does, whatever
 * its manual says (rabbit_quorum_queue.erl, seen on 3.10.8).
 */
const HARMFUL: ReadonlyMap<string, (value: unknown, given: Arguments) => boolean> = new Map([
  // A wait queue's own time may well be the shorter one.
  ["message-ttl", (value: unknown, given: Arguments) => isLower(value, given["x-message-ttl"])],
  // Deletes a queue that nobody consumes with all that is in it, and no parked queue is consumed.
  ["expires", () => true],
  ["delivery-limit", (value: unknown, given: Arguments) => isLower(value, given["x-delivery-limit"])],
  // A full queue would drop its oldest instead of refusing; and what it dead-letters goes at most once, full or not.
  ["overflow", (value: unknown) => value !== "reject-publish"],
  // A retry would come back under another key than its queue is bound by.
  [
    "dead-letter-routing-key",
    (_: unknown, given: Arguments) => given["x-dead-letter-exchange"] === JOBS_EXCHANGE,
  ],
]);

function isLower(value: unknown, own: unknown): boolean {
  return typeof own !== "number" || Number(value) < own;
}

/** Says which settings of which policies let messages of these queues vanish. A bound of their length is none: it refuses. */
export function findHarms(queues: readonly PolicedQueue[]): Harm[] {
  const found = queues.flatMap(({ name, arguments: given, policies, definition = {} }) =>
    Object.entries(definition)
      .filter(([setting, value]) => HARMFUL.get(setting)?.(value, given) === true)
      .map(([setting, value]) => ({ policy: policies.join(" and "), setting, value, queue: name })),
  );
  const alike = Map.groupBy(found, ({ policy, setting, value }) => JSON.stringify([policy, setting, value]));
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { policy, setting, value } = first;
    return [{ policy, setting, value, queues: group.map(({ queue }) => queue).toSorted() }];
  });
}
