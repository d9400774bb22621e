import { randomUUID } from "node:crypto";
import { openDatabase } from "#shared/database/database.ts";
import { listen } from "#shared/database/listen.ts";
import type { Lane } from "#shared/outbox/lanes.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { Bell } from "#shared/time/bell.ts";
import type { RelayConfig } from "./config.ts";
import { Outlet } from "./outlet.ts";
import { publish } from "./publish.ts";
import { watchPolicies } from "./watch-policies.ts";

/** Loops with a channel each, on a connection of their own: critical jobs wait for no others, jobs wait for no events. */
const CONNECTIONS: readonly { name: string; loops: readonly { name: string; lanes: readonly Lane[] }[] }[] = [
  { name: "duly.relay.critical", loops: [{ name: "critical", lanes: ["critical"] }] },
  {
    name: "duly.relay",
    loops: [
      { name: "jobs", lanes: ["high", "medium", "low", "batch"] },
      { name: "tell", lanes: ["letter", "event"] },
    ],
  },
];

/** For publishing, for waking and sleeping, and for declaring. */
const DATABASE_CONNECTIONS = 8;
/** Beyond its confirms a batch needs no time: whoever takes longer was stopped, and its rows go to others. */
const longestIdle = (confirmMs: number) => Math.round(1.5 * confirmMs + 1_000);

/**
 * Carries the outbox to RabbitMQ: the only publisher, and the only one that declares exchanges and queues.
 *
 * Any number may run; rows are locked while they are under way.
 */
export async function relay(service: ServiceContext<RelayConfig>): Promise<void> {
  const { config, log, stop } = service;
  const connections = CONNECTIONS.map(({ name, loops }) => ({
    name,
    loops: loops.map((loop) => ({ ...loop, bell: new Bell() })),
    topologyBell: new Bell(),
    outlet: new Outlet(),
  }));
  const onNotify = (channel: string | undefined, payload: string) => {
    const lanes = payload.split(",");
    for (const { loops, topologyBell } of connections) {
      if (channel !== "duly_relay") topologyBell.ring();
      for (const { lanes: own, bell } of loops)
        if (channel === undefined || own.some((lane) => lanes.includes(lane))) bell.ring();
    }
  };
  const url = config.DATABASE_URL;
  const db = openDatabase({
    url,
    name: "duly relay",
    connections: DATABASE_CONNECTIONS,
    log,
    forgetful: true,
    longestIdleMs: longestIdle(config.RELAY_CONFIRM_MS),
  });
  service.onStop(() => db.destroy());
  const listening = listen({
    url,
    name: "duly relay listen",
    channels: ["duly_relay", "duly_topology"],
    log,
    signal: stop,
    onNotify,
  });
  const instance = randomUUID();
  const awaited = new Set(connections.map(({ name }) => name));
  const publishing = connections.map((connection) => {
    const ready = () => {
      awaited.delete(connection.name);
      if (awaited.size === 0) service.ready();
    };
    return publish({ ...connection, instance, db, config, log, stop, ready });
  });
  const asking = connections
    .filter(({ loops }) => loops.some(({ lanes }) => lanes.includes("critical")))
    .map(({ outlet }) => outlet.keepAsking(db, log, stop));
  service.running(Promise.all([listening, ...publishing, ...asking, watchPolicies(service)]));
}
