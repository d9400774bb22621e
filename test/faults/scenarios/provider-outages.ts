import { setTimeout as sleep } from "node:timers/promises";
import { listGates } from "#shared/gates/list-gates.ts";
import { gateName } from "#shared/resilience/gate-name.ts";
import type { Round, Scenario } from "../scenario.ts";
import { Failing, KINDS, Refusing } from "../service/kinds.ts";
import type { Door } from "../world/door.ts";
import type { KeptProcess } from "../world/kept-process.ts";
import { until } from "../world/wait.ts";
import { carryOut, planKills } from "./kill-plan.ts";
import { pauseType } from "./pause-type.ts";

interface Outage {
  readonly what: string;
  readonly gate: string;
  /** Whether the provider sees the calls that fail. */
  readonly isAnswered: boolean;
  readonly door: (round: Round) => Door;
  readonly begin: (door: Door) => Promise<void> | void;
  readonly end: (door: Door) => Promise<void> | void;
}

const OUTAGES: readonly Outage[] = [
  {
    what: "provider refused connections",
    gate: gateName.breaker(Refusing.name),
    isAnswered: false,
    door: ({ world }) => world.provider.doors.refusing,
    begin: (door) => door.shut(),
    end: (door) => door.open(),
  },
  {
    what: "provider answered 503",
    gate: gateName.breaker(Failing.name),
    isAnswered: true,
    door: ({ world }) => world.provider.doors.failing,
    begin: (door) => door.fail(true),
    end: (door) => door.fail(false),
  },
];
const WORKING = [
  { at: "consumer.claimed", mostPasses: 10 },
  { at: "consumer.performing", mostPasses: 10 },
] as const;
const HOLDING = [{ at: "consumer.held", mostPasses: 3 }] as const;
const TENDING = [{ at: "scheduler.tended", mostPasses: 5 }] as const;
const ROUNDS = 6;
/** Of each in a round. */
const TIMES = 2;
/** Kills of consumers that hold, in each outage: 200 in all. */
const HOLDERS = 9;
const LEAST_MS = 8000;
const OPENS_WITHIN_MS = 15_000;
/** By then every process has heard that the gate is shut, and what was under way has come to its end. */
const CALM_AFTER_MS = 1500;
const PAUSED_MS = 2000;
/** Longer than a probe may be on its way. */
const RESUMES_WITHIN_MS = 90_000;
const LOOK_MS = 200;

/** Providers go away and come back while those that hold the jobs die. */
export const providerOutages: Scenario = {
  name: "provider-outages",
  what: "a provider refuses connections, or answers 503 to everything, behind breakers; consumers and schedulers killed",
  rounds: ROUNDS,
  wants: { "consumer.held": 200, ...Object.fromEntries(OUTAGES.map(({ what }) => [what, ROUNDS * TIMES])) },
  load: {
    perSecond: 80,
    mix: { refused: 30, gated: 30, keyed: 15, row: 15, critical: 10 },
  },
  inject: async (round) => {
    for (let time = 0; time < (round.quick ? 1 : TIMES); time += 1) {
      for (const outage of OUTAGES) {
        await round.strikes(
          () => strike(round, outage),
          (_, endedAt) => {
            round.did(outage.what);
            return resumes(round, outage, endedAt);
          },
        );
      }
    }
  },
};

async function strike(round: Round, outage: Outage): Promise<void> {
  const door = outage.door(round);
  await outage.begin(door);
  try {
    const opened = breakerOpens(round, outage);
    const calm = opened.then(() => sleep(CALM_AFTER_MS)).then(() => door.countAnew());
    await Promise.all([sleep(LEAST_MS), killSome(round, opened), pauseOnce(round), calm]);
    if (outage.isAnswered && (await opened)) tellCalls(round, door);
  } finally {
    await outage.end(door);
  }
}

// One consumer dies while it works, the other once it holds what comes: a breaker opens only where calls are made.
async function killSome(round: Round, opened: Promise<boolean>): Promise<void> {
  const { consumer, scheduler } = round.world.processes;
  const each = round.quick ? 1 : 2;
  const kill = (
    victims: readonly KeptProcess[],
    points: Parameters<typeof planKills>[0],
    plan: { each: number; atRandom: number } = { each, atRandom: 0 },
  ) =>
    carryOut(
      round,
      planKills(round.quick ? points.map(({ at }) => ({ at, mostPasses: 1 })) : points, plan, round.random),
      victims,
    );
  await Promise.all([
    kill(consumer.slice(0, 1), WORKING),
    opened.then(() =>
      kill(consumer.slice(1), HOLDING, { each: round.quick ? 1 : HOLDERS, atRandom: each - 1 }),
    ),
    kill(scheduler, TENDING, { each, atRandom: each }),
  ]);
}

async function pauseOnce(round: Round): Promise<void> {
  await sleep(round.random.between(0, LEAST_MS - PAUSED_MS));
  await pauseType(round, KINDS.gated.type, PAUSED_MS);
}

async function breakerOpens(round: Round, { gate }: Outage): Promise<boolean> {
  const openedAt = await gateReaches(round, gate, (state) => !passes(state), OPENS_WITHIN_MS);
  if (openedAt === undefined) round.tell(`${gate} did not open in ${OPENS_WITHIN_MS / 1000} s`);
  else round.did("breaker opened");
  return openedAt !== undefined;
}

// While the breaker is open one job at a time finds out whether the provider is back.
function tellCalls({ measured }: Round, door: Door): void {
  const { calls, mostAtOnce } = door.counted();
  measured({ name: "calls at once while a breaker is open", value: mostAtOnce, unit: "calls", most: 1 });
  measured({ name: "calls while a breaker is open", value: calls, unit: "calls" });
}

async function resumes(round: Round, { gate, what }: Outage, endedAt: number): Promise<void> {
  const atMs = await gateReaches(round, gate, passes, RESUMES_WITHIN_MS);
  const value = (atMs ?? Date.now()) - endedAt;
  round.measured({ name: `until work resumed after a ${what}`, value: value / 1000, unit: "s" });
}

function passes(state: string): boolean {
  return state === "clear" || state === "releasing";
}

/** When a gate came to a state that is wanted; undefined when it did not in time. */
async function gateReaches(
  { world: { db } }: Round,
  gate: string,
  isWanted: (state: string) => boolean,
  withinMs: number,
): Promise<number | undefined> {
  const isThere = async () =>
    isWanted((await listGates(db)).find(({ name }) => name === gate)?.state ?? "clear");
  return (await until(isThere, withinMs, LOOK_MS)) ? Date.now() : undefined;
}
