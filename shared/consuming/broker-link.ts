/** Away for less than this it may only be reconnecting. */
const AWAY_AFTER_MS = 1_000;
/** Four times as long as a relay waits until it asks again. */
const ASKED_FOR_MS = 2_000;

/** Whether critical jobs come to this process by way of RabbitMQ. */
export class BrokerLink {
  #isUp = false;
  #since = performance.now();
  #askedAt = Number.NEGATIVE_INFINITY;

  /** Notes a new connection, until it is lost. */
  hasCome(lost: AbortSignal): void {
    this.#isUp = true;
    const onLost = () => {
      this.#isUp = false;
      this.#since = performance.now();
    };
    if (lost.aborted) onLost();
    else lost.addEventListener("abort", onLost, { once: true });
  }

  /** Notes that a relay cannot publish them at the moment. */
  isAsked(): void {
    this.#askedAt = performance.now();
  }

  /**
   * Whether the connection has been away for more than a second, or a relay has asked within the last two. The second may
   * be said of a broker that works and of another relay's jobs; then both ways are open, and each job takes one.
   */
  get isAway(): boolean {
    const now = performance.now();
    return (!this.#isUp && now - this.#since > AWAY_AFTER_MS) || now - this.#askedAt < ASKED_FOR_MS;
  }
}
