import type { BrokerConnection } from "./hold-connection.ts";

/** Since 3.10 quorum queues dead-letter at least once and expire messages; without that a retry could be lost. */
const OLDEST = [3, 10] as const;

/** What a server says it can do, and Duly cannot do without. */
const NEEDED = ["publisher_confirms", "basic.nack", "consumer_cancel_notify", "connection.blocked"] as const;

/**
 * Refuses a broker that cannot keep the promises.
 *
 * @throws {Error} that names what is missing and what will do.
 */
export function verifyBroker(connection: BrokerConnection): void {
  const properties: Readonly<Record<string, unknown>> = connection.connection.serverProperties;
  const product = String(properties["product"]);
  const version = String(properties["version"]);
  if (product !== "RabbitMQ") throw new Error(`${product} ${version} is not RabbitMQ, which Duly needs`);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new Error(`RabbitMQ ${version} is too old: use ${OLDEST.join(".")} or newer`);
  }
  const able: Readonly<Record<string, unknown>> = { ...(properties["capabilities"] as object | undefined) };
  const missing = NEEDED.filter((name) => able[name] !== true);
  if (missing.length > 0) {
    throw new Error(`RabbitMQ ${version} does not offer ${missing.join(", ")}, which Duly needs`);
  }
}
