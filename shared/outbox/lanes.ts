import { PRIORITIES, type Priority } from "../contracts/priority.ts";

/** What waits in the outbox beside one another: jobs by priority, parked copies of letters, events. */
export type Lane = Priority | "letter" | "event";

/** Whether a lane holds sends of jobs. */
export function isPriority(lane: Lane): lane is Priority {
  return PRIORITIES.some((priority) => priority === lane);
}
