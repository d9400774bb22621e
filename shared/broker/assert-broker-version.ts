import type { BrokerConnection } from "./hold-connection.ts";

/** Since 3.10 quorum queues dead-letter at least once and expire messages; without that a retry could be lost. */
const OLDEST = [3, 10] as const;

/**
 * Refuses a broker that cannot keep the promises.
 *
 * @throws {Error} that names its version and the oldest that will do.
 */
export function assertBrokerVersion(connection: BrokerConnection): void {
  const properties: Readonly<Record<string, unknown>> = connection.connection.serverProperties;
  const version = String(properties["version"]);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new Error(`RabbitMQ ${version} is too old: use ${OLDEST.join(".")} or newer`);
}
