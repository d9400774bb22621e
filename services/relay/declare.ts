import { closeWithin } from "#shared/broker/close-within.ts";
import type { BrokerConnection } from "#shared/broker/hold-connection.ts";
import { declareTopology } from "#shared/broker/topology.ts";
import type { Database } from "#shared/database/database.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import type { Logger } from "#shared/log/logger.ts";
import type { Bell } from "#shared/time/bell.ts";
import { orAborted } from "#shared/time/or-aborted.ts";
import type { Alarm } from "./alarm.ts";

export interface DeclareOptions {
  readonly db: Database;
  readonly connection: BrokerConnection;
  readonly log: Logger;
  /** Not waited for beyond this: a broker that has gone silent answers a declaration as little as anything else. */
  readonly end: AbortSignal;
}

/** Backstop of the notification that a service sends when it registers a new type. */
const LOOK_MS = 60_000;

/** Declares what the registered types and subscriptions ask for. */
export async function declare({ db, connection, log, end }: DeclareOptions): Promise<void> {
  const topology = await readTopology(db);
  const channel = await orAborted(connection.createChannel(), end);
  channel.on("error", (error) =>
    log.error({ err: error }, "RabbitMQ has something of the same name with other arguments, or refuses it"),
  );
  await orAborted(declareTopology(channel, topology), end);
  await closeWithin(channel, end, log);
}

/** Declares again whenever something may have changed, until the end. */
export async function keepDeclared(options: DeclareOptions, bell: Bell, alarm: Alarm): Promise<void> {
  const { end } = options;
  while (!end.aborted) {
    await bell.wait(LOOK_MS, end);
    await alarm.isOver(end); // until then nothing is answered
    if (!end.aborted) await declare(options);
  }
}
