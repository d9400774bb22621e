import type { Channel, ConsumeMessage } from "amqplib";

/**
 * The deliveries that a consumer hands back to its queue. They wait until the broker sends it no more: before that, it
 * could be the one who gets them again, and each time counts towards the queue's delivery limit.
 */
export class GiveBacks {
  readonly #channel: Channel;
  readonly #isOpen: () => boolean;
  #waiting: ConsumeMessage[] | undefined = [];

  constructor(channel: Channel, isOpen: () => boolean) {
    this.#channel = channel;
    this.#isOpen = isOpen;
  }

  add(message: ConsumeMessage): void {
    if (this.#waiting === undefined) this.#nack(message);
    else this.#waiting.push(message);
  }

  /** The consumer is cancelled: what waits goes back now, what comes later at once. */
  begin(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const message of waiting) this.#nack(message);
  }

  #nack(message: ConsumeMessage): void {
    if (this.#isOpen()) this.#channel.nack(message, false, true);
  }
}
