import { setTimeout as sleep } from "node:timers/promises";
import type { Round, Scenario } from "../scenario.ts";
import { measureCriticalWaits } from "./critical-waits.ts";

interface OutageOptions {
  readonly name: string;
  readonly what: string;
  readonly rounds: number;
  readonly perRound: number;
  /** Whether critical jobs have to find their way past the broker meanwhile. */
  readonly brokerIsAway?: boolean;
  /** Brings the trouble and ends it. */
  readonly strike: (round: Round) => Promise<void>;
}

/** Strikes one server, waits until work flows again, and strikes again. */
function outages({ name, what, rounds, perRound, brokerIsAway = false, strike }: OutageOptions): Scenario {
  return {
    name,
    what: `${what}, ${rounds * perRound} times`,
    rounds,
    inject: async (round) => {
      for (let done = 0; done < (round.quick ? 1 : perRound); done += 1) {
        await round.strikes(
          () => strike(round),
          (fromMs, toMs) => {
            round.did(name);
            if (brokerIsAway) measureCriticalWaits(round, fromMs, toMs);
          },
        );
      }
    },
  };
}

export const brokerStops = outages({
  name: "broker-stop",
  what: "RabbitMQ stopped in order and started again",
  rounds: 4,
  perRound: 5,
  brokerIsAway: true,
  strike: async ({ world: { servers } }) => {
    await servers.endRabbit("SIGTERM");
    await servers.startRabbit();
  },
});

export const brokerKills = outages({
  name: "broker-kill",
  what: "RabbitMQ killed with SIGKILL and started again",
  rounds: 5,
  perRound: 6,
  brokerIsAway: true,
  strike: async ({ world: { servers } }) => {
    await servers.endRabbit("SIGKILL");
    await servers.startRabbit();
  },
});

export const brokerWipes = outages({
  name: "broker-wipe",
  what: "RabbitMQ killed, its disk wiped, started empty",
  rounds: 5,
  perRound: 2,
  brokerIsAway: true,
  strike: async (round) => {
    const { servers, broker, processes } = round.world;
    // Every other time the relays die while they give the empty broker everything again.
    const armed = round.quick || round.random.chance(0.5) ? processes.relay : [];
    const points = ["relay.incarnation-begun", "relay.incarnation-marked"] as const;
    await Promise.all(armed.map((relay, index) => relay.kill(`${points[index % 2]}:1`)));
    const generations = armed.map(({ generation }) => generation);
    await servers.endRabbit("SIGKILL");
    servers.wipeRabbit();
    await servers.startRabbit();
    await broker.make();
    for (const [index, relay] of armed.entries()) {
      if (await relay.hasSuccessor(generations[index] ?? 0, 5000))
        round.did("relay killed in the new incarnation");
    }
  },
});

export const brokerAlarms = outages({
  name: "broker-alarm",
  what: "RabbitMQ's memory alarm raised for 3 s (connection.blocked)",
  rounds: 2,
  perRound: 5,
  brokerIsAway: true,
  strike: async ({ world: { servers } }) => {
    await servers.alarm(true);
    await sleep(3000);
    await servers.alarm(false);
  },
});

export const postgresRestarts = outages({
  name: "postgres-restart",
  what: "PostgreSQL restarted (fast shutdown)",
  rounds: 4,
  perRound: 5,
  strike: async ({ world: { servers } }) => {
    await servers.endPostgres("SIGINT");
    await servers.startPostgres();
  },
});

export const postgresCrashes = outages({
  name: "postgres-crash",
  what: "PostgreSQL stopped at once (immediate shutdown) and recovered",
  rounds: 5,
  perRound: 6,
  strike: async ({ world: { servers } }) => {
    await servers.endPostgres("SIGQUIT");
    await servers.startPostgres();
  },
});

/** Every backend of everybody but the laboratory ended each second. */
export const backendsEnded: Scenario = {
  name: "backends-ended",
  what: "every backend of PostgreSQL ended each second, for 5 minutes in all",
  rounds: 5,
  inject: async (round) => {
    await round.strikes(async () => {
      for (let second = 0; second < (round.quick ? 5 : 60); second += 1) {
        await round.world.endBackends();
        round.did("backends-ended");
        await sleep(1000);
      }
    });
  },
};
