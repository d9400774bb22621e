import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round, Scenario } from "../scenario.ts";
import { type LoadPlan, USUAL } from "../world/load.ts";
import type { Misbehaviour } from "../world/provider.ts";
import type { Role } from "../world/world.ts";
import { giveHouseWork } from "./house-work.ts";
import { carryOut, planKills, wanted } from "./kill-plan.ts";
import { replayLetters } from "./replay-letters.ts";

interface KillOptions {
  readonly name: string;
  readonly role: Role;
  readonly points: readonly { readonly at: CrashPoint; readonly mostPasses: number }[];
  readonly rounds: number;
  /** Kills at each point in one round. */
  readonly each: number;
  readonly atRandom: number;
  readonly load: Partial<LoadPlan>;
  readonly provider?: Misbehaviour;
  readonly exactAttempts?: boolean;
  /** What somebody does beside the load until the kills are over. */
  readonly meanwhile?: (round: Round, end: AbortSignal) => Promise<void>;
}

/** Kills the processes of one role with SIGKILL, at each of its crash points and at random, again and again. */
function kills(options: KillOptions): Scenario {
  const { name, role, points, rounds, each, atRandom, load, provider = {}, exactAttempts = false } = options;
  const { meanwhile = () => Promise.resolve() } = options;
  return {
    name,
    exactAttempts,
    wants: wanted(points, { each, atRandom }, rounds),
    what: `SIGKILL of ${role}s: ${rounds * each} at each of ${points.length} crash points, ${rounds * atRandom} at random`,
    rounds,
    load,
    inject: async (round) => {
      const plan = round.quick ? { each: 1, atRandom: 2 } : { each, atRandom };
      const most = round.quick ? points.map((point) => ({ ...point, mostPasses: 1 })) : points;
      // The quick run freezes the first of them meanwhile.
      const victims = round.world.processes[role].slice(round.quick ? 1 : 0);
      round.world.provider.misbehave(round.name, provider);
      const end = new AbortController();
      const strike = async () => {
        await carryOut(round, planKills(most, plan, round.random), victims);
        round.world.provider.misbehave(round.name, {});
      };
      await Promise.all([round.strikes(strike).finally(() => end.abort()), meanwhile(round, end.signal)]);
    },
  };
}

const points = (mostPasses: number, ...names: CrashPoint[]) => names.map((at) => ({ at, mostPasses }));

export const relayKills = kills({
  name: "relay-kills",
  role: "relay",
  points: [
    ...points(10, "relay.claimed", "relay.published", "relay.confirmed", "relay.deleted", "relay.committed"),
    ...points(200, "relay.publishing"),
  ],
  rounds: 10,
  each: 10,
  atRandom: 50,
  exactAttempts: true,
  // A million messages in all. Groups settle together, so that it is the relay that has much to do.
  load: { perSecond: 900, mix: { group: 96, row: 1, keyed: 1, repeatable: 1, single: 1 } },
});

export const consumerKills = kills({
  name: "consumer-kills",
  role: "consumer",
  points: [
    ...points(100, "consumer.delivered"),
    ...points(3, "consumer.asked"),
    ...points(20, "consumer.claimed", "consumer.performing", "consumer.performed", "consumer.settling"),
    ...points(20, "consumer.settled", "consumer.acked"),
    ...points(10, "consumer.group-fenced", "consumer.group-recorded", "consumer.group-settled"),
    ...points(20, "consumer.event-heard", "consumer.event-settled"),
    ...points(3, "consumer.replaying", "consumer.replayed"),
  ],
  rounds: 20,
  each: 10,
  atRandom: 10,
  load: { perSecond: 120, mix: { ...USUAL.mix, keyed: 12, closing: 8 } },
  // So that there is somebody to be asked after a while.
  provider: { effectThenCut: 0.05, unanswered: 0.3 },
  meanwhile: replayLetters,
});

export const schedulerKills = kills({
  name: "scheduler-kills",
  role: "scheduler",
  points: [
    ...points(20, "scheduler.looking", "scheduler.fired"),
    ...points(5, "scheduler.promoted", "scheduler.tended", "scheduler.expiring", "scheduler.expired"),
    // Once in a while, and as soon as one is up.
    ...points(1, "scheduler.archived", "scheduler.partition-dropped", "scheduler.told-again"),
  ],
  rounds: 5,
  each: 10,
  atRandom: 4,
  exactAttempts: true,
  // Short of lines, so that there is always a job to be promoted; few events, behind whose transactions a day of old
  // ones waits to be dropped, for half a second at most.
  load: { perSecond: 120, mix: { ...USUAL.mix, row: 12, group: 56, ordered: 20, brief: 6 }, lines: 3 },
  meanwhile: giveHouseWork,
});
