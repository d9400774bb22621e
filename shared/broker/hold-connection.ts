import { hostname } from "node:os";
import { type ChannelModel, connect } from "amqplib";
import type { Logger } from "../log/logger.ts";
import { growingDelay } from "../time/growing-delay.ts";
import { pause } from "../time/pause.ts";
import { closeWithin } from "./close-within.ts";

export interface ConnectionOptions {
  readonly url: string;
  /** Shown in the management UI, with host and process id. */
  readonly name: string;
  readonly log: Logger;
  /** Ends it all: `use` has to come to its end, then the connection is closed. */
  readonly signal: AbortSignal;
}

/** Once a broker is back, work has to flow again within seconds; the jitter keeps all from coming at once. */
const LONGEST_PAUSE_MS = 3_000;

/** An open connection to RabbitMQ. */
export type BrokerConnection = ChannelModel;

/** What has to be done with one connection; `lost` is aborted when the connection is gone. */
export type UseConnection = (connection: BrokerConnection, lost: AbortSignal) => Promise<void>;

/**
 * Keeps one connection to RabbitMQ: opens it, hands it to `use`, and after a loss opens the next one and calls `use`
 * again, with a growing pause. Resolves after `signal`.
 *
 * Own loop instead of the driver's recovery, which leaves channels and consumers to its user and can believe itself
 * connected to a dead socket. Errors of `use` are logged and count as a loss.
 */
export async function holdConnection(options: ConnectionOptions, use: UseConnection): Promise<void> {
  const { log, signal } = options;
  for (let failures = 0; !signal.aborted; ) {
    const openedAt = Date.now();
    try {
      await useOnce(options, use);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error }, "the work on this connection to RabbitMQ ended; beginning anew");
    }
    failures = Date.now() - openedAt > 10_000 ? 0 : failures + 1;
    if (!signal.aborted) await pause(growingDelay(failures, 100, LONGEST_PAUSE_MS), signal);
  }
}

async function useOnce(options: ConnectionOptions, use: UseConnection): Promise<void> {
  const connection = await open(options);
  const lost = new AbortController();
  connection.on("error", (error) => options.log.warn({ err: error }, "RabbitMQ ended the connection"));
  connection.on("blocked", (reason) => options.log.warn({ reason }, "RabbitMQ takes no messages for now"));
  connection.on("unblocked", () => options.log.info("RabbitMQ takes messages again"));
  connection.once("close", () => lost.abort(new Error("the connection to RabbitMQ closed")));
  options.log.info("connected to RabbitMQ");
  try {
    await use(connection, lost.signal);
  } finally {
    if (!lost.signal.aborted) await closeWithin(connection, lost.signal, options.log);
  }
}

function open({ url, name }: ConnectionOptions): Promise<ChannelModel> {
  const address = new URL(url);
  address.searchParams.set("heartbeat", "10");
  return connect(address.href, {
    noDelay: true,
    keepAlive: true,
    timeout: 5_000, // a broker that takes the connection and never answers would hang it for ever
    clientProperties: { connection_name: `${name}@${hostname()}:${process.pid}` },
  });
}
