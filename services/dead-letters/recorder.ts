import { consumeQueue } from "#shared/broker/consume-queue.ts";
import { type BrokerConnection, holdConnection } from "#shared/broker/hold-connection.ts";
import { Intake } from "#shared/broker/intake.ts";
import { REJECTED_QUEUE } from "#shared/broker/names.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import type { DeadLettersConfig } from "./config.ts";
import { recordRejected } from "./record-rejected.ts";

const PREFETCH = 50;

/**
 * Records what the queues themselves gave up: messages returned a hundred times, and those that a foreign consumer
 * rejected. Each becomes a dead letter in PostgreSQL with its parked copy, like every other.
 */
export async function recorder(service: ServiceContext<DeadLettersConfig>): Promise<void> {
  const { config, log, stop, hurry } = service;
  const use = async (connection: BrokerConnection, lost: AbortSignal) => {
    const onDelivery = (delivery: Parameters<typeof recordRejected>[0]) => recordRejected(delivery, service);
    await consumeQueue({
      connection,
      queue: REJECTED_QUEUE,
      onConsuming: service.ready,
      intake: new Intake(PREFETCH),
      log,
      onDelivery,
      lost,
      stop,
      hurry,
    });
  };
  service.running(
    holdConnection({ url: config.AMQP_URL, name: "duly.dead-letters", log, signal: stop }, use),
  );
  await Promise.resolve();
}
