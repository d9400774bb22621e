import { type BrokerConnection, holdConnection } from "#shared/broker/hold-connection.ts";
import { verifyBroker } from "#shared/broker/verify-broker.ts";
import type { Database } from "#shared/database/database.ts";
import type { Logger } from "#shared/log/logger.ts";
import { forgetDeadSleepers } from "#shared/outbox/fall-asleep.ts";
import type { Lane } from "#shared/outbox/lanes.ts";
import type { Bell } from "#shared/time/bell.ts";
import { orAborted } from "#shared/time/or-aborted.ts";
import { Alarm } from "./alarm.ts";
import type { RelayConfig } from "./config.ts";
import { declare, keepDeclared } from "./declare.ts";
import type { Outlet } from "./outlet.ts";
import { relayLoop } from "./relay-loop.ts";
import { standOnIncarnation } from "./stand-on-incarnation.ts";

export interface PublishRequest {
  /** Of the connection, for people. */
  readonly name: string;
  readonly loops: readonly { readonly name: string; readonly lanes: readonly Lane[]; readonly bell: Bell }[];
  /** Rung when the topology may have changed. */
  readonly topologyBell: Bell;
  /** Open while messages get out over this connection. */
  readonly outlet: Outlet;
  readonly instance: string;
  readonly db: Database;
  readonly config: RelayConfig;
  readonly log: Logger;
  readonly stop: AbortSignal;
  /** Called each time that publishing begins. */
  readonly ready: () => void;
}

/** Rows of critical jobs are let go after this part of the time: while the broker is away others may take them. */
const CRITICAL_PART = 0.5;
const LONGEST_CRITICAL_MS = 5_000;

/**
 * Runs some loops over one connection to RabbitMQ until `stop`, and begins anew on the next when it is lost.
 *
 * On each, first the broker is verified: that it will do, that it has what was sent before, that its queues are there.
 */
export async function publish(request: PublishRequest): Promise<void> {
  const { name, config, log, stop } = request;
  await holdConnection({ url: config.AMQP_URL, name, log, signal: stop }, (connection, lost) =>
    publishOn(connection, lost, request),
  );
}

async function publishOn(
  connection: BrokerConnection,
  lost: AbortSignal,
  { loops, topologyBell, outlet, instance, db, config, log, stop, ready }: PublishRequest,
): Promise<void> {
  const gone = AbortSignal.any([lost, stop]);
  const alarm = new Alarm(connection);
  const declaring = { db, connection, log, end: gone };
  await forgetDeadSleepers(db);
  verifyBroker(connection);
  await orAborted(standOnIncarnation({ db, connection, declare: () => declare(declaring), log }), gone);
  const failed = new AbortController();
  const end = AbortSignal.any([gone, failed.signal]);
  const { RELAY_WINDOW: window, RELAY_CONFIRM_MS } = config;
  const running = loops.map((loop) => {
    const criticalMs = Math.min(LONGEST_CRITICAL_MS, CRITICAL_PART * RELAY_CONFIRM_MS);
    const confirmMs = loop.lanes.includes("critical") ? criticalMs : RELAY_CONFIRM_MS;
    const onMissing = () => topologyBell.ring();
    return relayLoop({
      ...loop,
      instance,
      db,
      connection,
      alarm,
      outlet,
      onMissing,
      window,
      confirmMs,
      log,
      end,
    });
  });
  running.push(keepDeclared({ ...declaring, end }, topologyBell, alarm));
  outlet.open();
  ready();
  try {
    await Promise.all(running); // the first that fails ends all: the next connection begins anew
  } finally {
    outlet.shut();
    failed.abort();
    await Promise.allSettled(running);
  }
}
