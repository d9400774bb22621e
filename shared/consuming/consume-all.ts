import { consumeQueue, type Delivery } from "../broker/consume-queue.ts";
import type { BrokerConnection, UseConnection } from "../broker/hold-connection.ts";
import type { Intake } from "../broker/intake.ts";
import type { Logger } from "../log/logger.ts";
import type { BrokerLink } from "./broker-link.ts";
import type { Caution } from "./caution.ts";
import type { QueueMarks } from "./queue-marks.ts";

/** A queue, and what takes its deliveries. */
export interface Taker {
  readonly queue: string;
  readonly intake: Intake;
  readonly onDelivery: (delivery: Delivery) => Promise<void>;
}

/** What consuming all queues of a process needs beside the queues. */
export interface ConsumingAll {
  readonly link: BrokerLink;
  readonly marks: QueueMarks;
  readonly caution: Caution;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly hurry: AbortSignal;
  readonly beforeLeaving: () => Promise<unknown>;
  /** Called when every queue has been consumed once. */
  readonly ready: () => void;
}

/** Consumes every queue of a process on one connection, each on a channel of its own, and marks how far. */
export function consumeAll(takers: readonly Taker[], all: ConsumingAll): UseConnection {
  const { link, marks, caution, log, stop, hurry, beforeLeaving, ready } = all;
  const awaited = new Set(takers.map(({ queue }) => queue));
  return async (connection: BrokerConnection, lost: AbortSignal): Promise<void> => {
    link.hasCome(lost);
    await caution.look();
    const consuming = takers.map((taker) => {
      const onConsuming = () => {
        awaited.delete(taker.queue);
        if (awaited.size === 0) ready();
      };
      if (taker.intake.prefetch === 0) onConsuming(); // as much as can be for now
      return consumeQueue({ ...taker, connection, log, lost, stop, hurry, beforeLeaving, onConsuming });
    });
    const end = AbortSignal.any([lost, stop]);
    await Promise.all([...consuming, marks.keep(connection, end), caution.keep(end)]);
  };
}
