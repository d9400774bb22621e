import type { Logger } from "../log/logger.ts";
import { closeWithin } from "./close-within.ts";
import type { BrokerConnection } from "./hold-connection.ts";
import { incarnationMarker } from "./names.ts";

/** What the broker says of an exchange that is not there. */
const NOT_FOUND = 404;
const NEVER = new AbortController().signal;

/** Whether the broker holds the marker of an incarnation. */
export async function hasMarker(
  connection: BrokerConnection,
  incarnation: string,
  log: Logger,
): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on("error", (error) => log.debug({ err: error }, "RabbitMQ closed the channel of a question"));
  try {
    await channel.checkExchange(incarnationMarker(incarnation));
  } catch (error) {
    // The broker closes the channel over an exchange that is not there.
    if (error instanceof Error && (error as Error & { code?: unknown }).code === NOT_FOUND) return false;
    throw error;
  }
  await closeWithin(channel, NEVER, log);
  return true;
}

/** Puts the marker of an incarnation on the broker; what is sent from now on stands under it. */
export async function putMarker(
  connection: BrokerConnection,
  incarnation: string,
  log: Logger,
): Promise<void> {
  const channel = await connection.createChannel();
  channel.on("error", (error) => log.error({ err: error }, "RabbitMQ refuses the incarnation's marker"));
  // Internal: nobody can publish to it by mistake.
  await channel.assertExchange(incarnationMarker(incarnation), "fanout", { durable: true, internal: true });
  await closeWithin(channel, NEVER, log);
}
