import { closeWithin } from "#shared/broker/close-within.ts";
import type { BrokerConnection } from "#shared/broker/hold-connection.ts";
import type { ConfirmChannel } from "#shared/broker/publish-batch.ts";
import type { Logger } from "#shared/log/logger.ts";

/** PRECONDITION_FAILED: what RabbitMQ says of a message that it will never take. */
const PRECONDITION_FAILED = 406;
/** NOT_FOUND: the exchange of a message is not there. */
const NOT_FOUND = 404;

/** Why the broker closed a channel over one of its messages. */
export interface Refusal {
  /** Whether it will never take that message; otherwise an exchange is missing and can be declared. */
  readonly forGood: boolean;
  readonly message: string;
}

/**
 * Holds the loop's confirm channel and opens the next when it closed.
 *
 * When the broker refuses a message it closes the channel over the whole batch and does not say which one it was. The rows of that batch are then published one at a time, until the refused one is alone and known.
 */
export class ChannelKeeper {
  readonly #connection: BrokerConnection;
  readonly #log: Logger;
  #channel: ConfirmChannel | undefined;
  #suspects = 0;
  #refusal: Refusal | undefined;

  constructor(connection: BrokerConnection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /** Why the broker closed the channel, when it did so over one of the messages. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Whether rows are to be published one at a time. */
  get suspicious(): boolean {
    return this.#suspects > 0;
  }

  async current(): Promise<ConfirmChannel> {
    if (this.#channel !== undefined && this.#refusal === undefined) return this.#channel;
    this.#refusal = undefined;
    const channel = await this.#connection.createConfirmChannel();
    channel.on("error", (error: Error & { code?: number }) => {
      this.#log.warn({ err: error }, "RabbitMQ closed the relay's channel");
      const forGood = error.code === PRECONDITION_FAILED;
      if (forGood || error.code === NOT_FOUND) this.#refusal = { forGood, message: error.message };
    });
    channel.once("close", () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    this.#channel = channel;
    return channel;
  }

  get isOpen(): boolean {
    return this.#channel !== undefined;
  }

  /** Gives up the channel: what was not confirmed on it would be remembered by the driver for ever. */
  async renew(gone: AbortSignal): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel !== undefined) await closeWithin(channel, gone, this.#log);
  }

  /** Remembers how many rows were on a channel that the broker closed over one of them. */
  suspect(rows: number): void {
    if (this.#refusal !== undefined) this.#suspects = rows;
  }

  sent(rows: number): void {
    this.#suspects = Math.max(0, this.#suspects - rows);
  }
}
