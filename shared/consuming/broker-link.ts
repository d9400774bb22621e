/** Away for less than this it may only be reconnecting. */
const AWAY_AFTER_MS = 1_000;

/** Whether this process has its connection to RabbitMQ. */
export class BrokerLink {
  #isUp = false;
  #since = performance.now();

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

  /** Whether the connection has been away for more than a second. */
  get isAway(): boolean {
    return !this.#isUp && performance.now() - this.#since > AWAY_AFTER_MS;
  }
}
