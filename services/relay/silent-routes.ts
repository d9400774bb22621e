import { EVENTS_EXCHANGE } from "#shared/broker/names.ts";
import type { OutgoingMessage } from "#shared/broker/publish-batch.ts";
import { growingDelay } from "#shared/time/growing-delay.ts";

const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;
/** Nothing may go there any more: then nobody finds out whether it answers. */
const FORGOTTEN_AFTER_MS = 5_000;

/** `open` publish it · `probe` publish it to see whether its queue answers again · `shut` leave it for later. */
export type Judgement = "open" | "probe" | "shut";

/**
 * Remembers the queues that take messages and confirm none, so that no batch waits for them a second time; now and then
 * one message finds out whether they answer again.
 */
export class SilentRoutes {
  readonly #silent = new Map<string, { nextTry: number; tries: number }>();

  /** What to do with a message at `now` (ms); of those of one silent queue, one at most is a probe. */
  judge(message: OutgoingMessage, now: number): Judgement {
    if (this.#silent.size === 0) return "open";
    const route = this.#silent.get(routeOf(message));
    if (route === undefined) return "open";
    if (route.nextTry > now) return "shut";
    route.nextTry = now + FIRST_PAUSE_MS;
    return "probe";
  }

  /** Notes that nobody answered for some messages, which shuts their queues for ever longer. */
  areSilent(messages: readonly OutgoingMessage[], now: number): void {
    for (const route of new Set(messages.map(routeOf))) {
      const tries = (this.#silent.get(route)?.tries ?? 0) + 1;
      const nextTry = now + growingDelay(tries, FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
      this.#silent.set(route, { nextTry, tries });
    }
  }

  /** Notes that a message was answered for. */
  answered(message: OutgoingMessage): void {
    if (this.#silent.size > 0) this.#silent.delete(routeOf(message));
  }

  /** Whether a queue is silent of which it is not yet time, and some more, to find out whether it answers again. */
  areAny(now: number): boolean {
    return [...this.#silent.values()].some(({ nextTry }) => nextTry + FORGOTTEN_AFTER_MS > now);
  }

  /** The queues that are silent now, in words for a log. */
  get names(): string[] {
    return [...this.#silent.keys()];
  }
}

// A job's queue is named by the first two words of its key; whom an event reaches, by all of it.
function routeOf({ exchange, routingKey }: OutgoingMessage): string {
  const words = routingKey.split(".");
  const queue = exchange === EVENTS_EXCHANGE ? words : words.slice(0, 2);
  return `${exchange} ${queue.join(".")}`;
}
