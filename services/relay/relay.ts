import { randomUUID } from "node:crypto";
import { assertBrokerVersion } from "#shared/broker/assert-broker-version.ts";
import { closeWithin } from "#shared/broker/close-within.ts";
import { type BrokerConnection, holdConnection } from "#shared/broker/hold-connection.ts";
import { declareTopology } from "#shared/broker/topology.ts";
import { openDatabase } from "#shared/database/database.ts";
import { listen } from "#shared/database/listen.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import { forgetDeadSleepers } from "#shared/outbox/fall-asleep.ts";
import type { Lane } from "#shared/outbox/lanes.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { Bell } from "#shared/time/bell.ts";
import { orAborted } from "#shared/time/or-aborted.ts";
import type { RelayConfig } from "./config.ts";
import { relayLoop } from "./relay-loop.ts";

/** One loop and channel each: critical jobs wait for no others, jobs wait for no events. */
const LOOPS: readonly { readonly name: string; readonly lanes: readonly Lane[] }[] = [
  { name: "critical", lanes: ["critical"] },
  { name: "jobs", lanes: ["high", "medium", "low", "batch"] },
  { name: "tell", lanes: ["letter", "event"] },
];

/**
 * Carries the outbox to RabbitMQ: the only publisher, and the only one that declares exchanges and queues.
 *
 * Any number may run; rows are locked while they are under way.
 */
export async function relay(service: ServiceContext<RelayConfig>): Promise<void> {
  const { config, log, stop } = service;
  const loops = LOOPS.map((loop) => ({ ...loop, bell: new Bell() }));
  const topologyBell = new Bell();
  const instance = randomUUID();
  const onNotify = (channel: string | undefined, payload: string) => {
    if (channel !== "duly_relay") topologyBell.ring();
    if (channel === "duly_topology") return;
    const lanes = payload.split(",");
    for (const loop of loops)
      if (channel === undefined || loop.lanes.some((lane) => lanes.includes(lane))) loop.bell.ring();
  };
  const url = config.DATABASE_URL;
  const db = openDatabase({ url, name: "duly relay", connections: 2 * LOOPS.length, log, forgetful: true });
  service.onStop(() => db.destroy());
  const listening = listen({
    url,
    name: "duly relay listen",
    channels: ["duly_relay", "duly_topology"],
    log,
    signal: stop,
    onNotify,
  });

  const use = async (connection: BrokerConnection, lost: AbortSignal) => {
    await forgetDeadSleepers(db);
    assertBrokerVersion(connection);
    await declare(service, connection, AbortSignal.any([lost, stop]));
    const failed = new AbortController();
    const end = AbortSignal.any([lost, stop, failed.signal]);
    const { RELAY_WINDOW: window, RELAY_CONFIRM_MS: confirmMs } = config;
    const onMissing = () => topologyBell.ring();
    const running = loops.map((loop) =>
      relayLoop({ ...loop, instance, db, connection, onMissing, window, confirmMs, log, end }),
    );
    running.push(keepDeclared(service, connection, topologyBell, end));
    service.ready();
    try {
      await Promise.all(running); // the first that fails ends all: the next connection begins anew
    } finally {
      failed.abort();
      await Promise.allSettled(running);
    }
  };
  const publishing = holdConnection({ url: config.AMQP_URL, name: "duly.relay", log, signal: stop }, use);
  service.running(Promise.all([listening, publishing]));
}

// Not waited for past `end`: a broker that has gone silent answers a declaration as little as anything else.
async function declare(
  { db, log }: ServiceContext<RelayConfig>,
  connection: BrokerConnection,
  end: AbortSignal,
): Promise<void> {
  const topology = await readTopology(db);
  const channel = await orAborted(connection.createChannel(), end);
  channel.on("error", (error) =>
    log.error({ err: error }, "RabbitMQ has something of the same name with other arguments, or refuses it"),
  );
  await orAborted(declareTopology(channel, topology), end);
  await closeWithin(channel, end, log);
}

// A service that registers a new type notifies; the look every minute is the backstop.
async function keepDeclared(
  service: ServiceContext<RelayConfig>,
  connection: BrokerConnection,
  bell: Bell,
  end: AbortSignal,
) {
  while (!end.aborted) {
    await bell.wait(60_000, end);
    if (!end.aborted) await declare(service, connection, end);
  }
}
