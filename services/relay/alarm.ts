import type { BrokerConnection } from "#shared/broker/hold-connection.ts";
import { aborted } from "#shared/time/aborted.ts";

/**
 * Whether the broker takes no messages on a connection: an alarm of its memory or disk (connection.blocked).
 *
 * It stops reading then, so on that connection nothing is answered any more, until the alarm is over.
 */
export class Alarm {
  #began = new AbortController();
  #over = Promise.withResolvers<void>();

  constructor(connection: BrokerConnection) {
    connection.on("blocked", () => this.#began.abort(new Error("RabbitMQ takes no messages for now")));
    connection.on("unblocked", () => {
      this.#began = new AbortController();
      this.#over.resolve();
      this.#over = Promise.withResolvers();
    });
  }

  /** Aborted when an alarm begins, or already while there is one. */
  get signal(): AbortSignal {
    return this.#began.signal;
  }

  /** Waits until there is no alarm, or for `end`. */
  async isOver(end: AbortSignal): Promise<void> {
    while (this.#began.signal.aborted && !end.aborted) {
      await Promise.race([this.#over.promise, aborted(end)]);
    }
  }
}
