import type { Logger } from "../log/logger.ts";
import { orAborted } from "../time/or-aborted.ts";
import { closeWithin } from "./close-within.ts";
import type { BrokerConnection } from "./hold-connection.ts";
import { isMissingQueue } from "./is-missing-queue.ts";

/**
 * Counts the messages that lie ready in each queue, by passive declaration; those in consumers' hands are not among
 * them. A queue that is not there is left out.
 */
export async function countReady(
  connection: BrokerConnection,
  queues: readonly string[],
  end: AbortSignal,
  log: Logger,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const queue of queues) {
    const count = await countOne(connection, queue, end, log);
    if (count !== undefined) counts.set(queue, count);
  }
  return counts;
}

// A channel for each question, since RabbitMQ answers for a missing queue by closing the channel.
async function countOne(
  connection: BrokerConnection,
  queue: string,
  end: AbortSignal,
  log: Logger,
): Promise<number | undefined> {
  const channel = await orAborted(connection.createChannel(), end);
  channel.on("error", (error) => log.debug({ err: error, queue }, "RabbitMQ closed a channel"));
  try {
    const { messageCount } = await orAborted(channel.checkQueue(queue), end);
    return messageCount;
  } catch (error) {
    if (isMissingQueue(error)) return undefined;
    throw error;
  } finally {
    if (!end.aborted) await closeWithin(channel, end, log);
  }
}
