import { setTimeout as sleep } from "node:timers/promises";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Scenario } from "../scenario.ts";
import { USUAL } from "../world/load.ts";
import type { Role } from "../world/world.ts";
import { measureCriticalWaits } from "./critical-waits.ts";
import { ASLEEP_MS, freezeInTurn } from "./freeze-in-turn.ts";

/** Steps after which somebody else will have done the rest when the sleeper wakes up. */
const PLACES: Readonly<Partial<Record<Role, readonly CrashPoint[]>>> = {
  relay: ["relay.claimed", "relay.published", "relay.confirmed", "relay.deleted"],
  scheduler: ["scheduler.looking", "scheduler.fired", "scheduler.promoted", "scheduler.tended"],
  consumer: [
    "consumer.claimed",
    "consumer.performing",
    "consumer.performed",
    "consumer.settling",
    "consumer.settled",
    "consumer.group-fenced",
    "consumer.group-recorded",
    "consumer.group-settled",
    "consumer.event-settled",
  ],
};
const QUICK: typeof PLACES = { relay: ["relay.published"], consumer: ["consumer.performed"] };

/** Processes stop for longer than any timeout, at the worst moments, and go on as if nothing had been. */
export const zombies: Scenario = {
  name: "zombies",
  what: `SIGSTOP of every process for ${ASLEEP_MS / 1000} s at a crash point, then SIGCONT`,
  rounds: 2,
  wants: Object.fromEntries(
    Object.values(PLACES).flatMap((points) => points.map((at) => [`${at} frozen`, 2])),
  ),
  // Short of lines, so that there is always a job to be promoted.
  load: { mix: { ...USUAL.mix, ordered: 20 }, lines: 3 },
  inject: async (round) => {
    const places = Object.entries(round.quick ? QUICK : PLACES) as [Role, readonly CrashPoint[]][];
    await Promise.all(
      places.map(([role, points]) => freezeInTurn(round, round.world.processes[role][0], points)),
    );
  },
};

/** The broker itself stops and goes on: its clients believe it dead, and it them. */
export const frozenServers: Scenario = {
  name: "frozen-servers",
  what: "SIGSTOP of RabbitMQ and of PostgreSQL for 45 s, then SIGCONT",
  rounds: 2,
  inject: async (round) => {
    for (const server of round.quick ? (["rabbitmq"] as const) : (["rabbitmq", "postgres"] as const)) {
      await round.strikes(
        async () => {
          round.world.servers.freeze(server, true);
          await sleep(round.quick ? 12_000 : ASLEEP_MS);
          round.world.servers.freeze(server, false);
        },
        (fromMs, toMs) => {
          round.did(`${server} frozen`);
          if (server === "rabbitmq") measureCriticalWaits(round, fromMs, toMs);
        },
      );
    }
  },
};
