import { readPolicedQueues } from "#shared/broker/read-policed-queues.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { pause } from "#shared/time/pause.ts";
import type { RelayConfig } from "./config.ts";
import { PolicyWatch } from "./policy-watch.ts";

const LOOK_MS = 60_000;
/** RabbitMQ has the figures of a new queue within 5 s. */
const SOON_MS = 5_000;

/**
 * Looks for harmful policies at the start and once a minute until `stop`, where RABBITMQ_URL says whom to ask. Publishing
 * waits for none of it.
 */
export async function watchPolicies({ db, config, log, stop }: ServiceContext<RelayConfig>): Promise<void> {
  const { RABBITMQ_URL: managementUrl, AMQP_URL: amqpUrl } = config;
  if (managementUrl === undefined) {
    log.info("RABBITMQ_URL is not set, so policies by which messages vanish would not be seen");
    return;
  }
  const read = () => readPolicedQueues({ managementUrl, amqpUrl }, stop);
  const watch = new PolicyWatch({ db, read, log });
  let trouble = "";
  while (!stop.aborted) {
    let isWhole = true;
    try {
      isWhole = await watch.look();
      trouble = "";
    } catch (error) {
      // Said once, not each minute: nothing but the watching depends on it.
      if (!stop.aborted && String(error) !== trouble)
        log.warn({ err: error }, "RabbitMQ's policies could not be looked at; trying again each minute");
      trouble = String(error);
    }
    await pause(isWhole ? LOOK_MS : SOON_MS, stop);
  }
}
