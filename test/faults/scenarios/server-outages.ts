import { setTimeout as sleep } from "node:timers/promises";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round, Scenario } from "../scenario.ts";
import { USUAL } from "../world/load.ts";
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
    wants: { [name]: rounds * perRound },
    ...(brokerIsAway ? { load: { mix: { ...USUAL.mix, urgent: 6 } } } : {}),
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

/** Between a row taken from the outbox and its job's end. */
const STRAIGHT: readonly CrashPoint[] = [
  "consumer.claimed",
  "consumer.performed",
  "consumer.settling",
  "consumer.group-recorded",
];
const DIES_WITHIN_MS = 10_000;

// A consumer that begins without a broker takes critical jobs from the outbox, and dies over one; a relay dies meanwhile.
async function killWhileAway({ world: { processes }, random, quick, did }: Round): Promise<void> {
  const [consumer, relay] = [processes.consumer[0], processes.relay[0]];
  if (quick || consumer === undefined || relay === undefined) return;
  const point = STRAIGHT[random.between(0, STRAIGHT.length - 1)] ?? "consumer.claimed";
  await Promise.all([consumer.kill(`${point}:${random.between(1, 3)}`), relay.kill()]);
  did("relay killed while the broker was away");
  const { generation } = consumer;
  if (await consumer.hasSuccessor(generation, DIES_WITHIN_MS)) did(`${point}, straight from the outbox`);
}

export const brokerStops = outages({
  name: "broker-stop",
  what: "RabbitMQ stopped in order and started again",
  rounds: 4,
  perRound: 5,
  brokerIsAway: true,
  strike: async (round) => {
    const { servers } = round.world;
    await servers.endRabbit("SIGTERM");
    await killWhileAway(round);
    await servers.startRabbit();
  },
});

export const brokerKills = outages({
  name: "broker-kill",
  what: "RabbitMQ killed with SIGKILL and started again",
  rounds: 5,
  perRound: 6,
  brokerIsAway: true,
  strike: async (round) => {
    const { servers } = round.world;
    await servers.endRabbit("SIGKILL");
    await killWhileAway(round);
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
  wants: { "backends-ended": 300 },
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
