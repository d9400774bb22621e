import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round } from "../scenario.ts";
import {
  type CorrespondenceBranch,
  type CorrespondenceService,
  SERVICES,
} from "../world/correspondence/correspondence-branch.ts";
import { carryOut, planKills, wanted } from "./kill-plan.ts";

interface KillPlan {
  readonly points: readonly { readonly at: CrashPoint; readonly mostPasses: number }[];
  readonly each: number;
  readonly atRandom: number;
}
const points = (mostPasses: number, ...names: CrashPoint[]) => names.map((at) => ({ at, mostPasses }));
const kills = (mostPasses: number, each: number, ...more: KillPlan["points"]): KillPlan => ({
  points: [
    ...more,
    ...points(mostPasses, "consumer.claimed", "consumer.performing", "consumer.performed"),
    ...points(mostPasses, "consumer.settling", "consumer.settled", "consumer.acked"),
  ],
  each,
  atRandom: 2 * each,
});
const KILLS: Readonly<Record<CorrespondenceService, KillPlan>> = {
  notifications: kills(10, 2),
  messages: kills(10, 2),
  // The others cannot ask.
  reports: kills(2, 1, ...points(1, "consumer.asked")),
};
const few = (...names: CrashPoint[]): KillPlan => ({ points: points(1, ...names), each: 1, atRandom: 0 });
const QUICK_KILLS: typeof KILLS = {
  notifications: few("consumer.performing", "consumer.performed", "consumer.settling", "consumer.acked"),
  messages: few("consumer.performing", "consumer.performed", "consumer.settling", "consumer.acked"),
  reports: few("consumer.asked", "consumer.performed"),
};

/** How often each kill strikes in so many rounds. */
export function wantedKills(rounds: number): [string, number][] {
  return SERVICES.flatMap((service) => {
    const plan = KILLS[service];
    const faults = Object.entries(wanted(plan.points, plan, rounds));
    return faults.map(([fault, times]): [string, number] => [named(service, fault), times]);
  });
}

/** Kills the processes of one service, as often as is planned for a round. */
export async function killService(
  round: Round,
  branch: CorrespondenceBranch,
  service: CorrespondenceService,
): Promise<void> {
  const plan = (round.quick ? QUICK_KILLS : KILLS)[service];
  // Whoever is to die over a question needs somebody who dies before with a report in hand.
  const isAsked = ({ at }: { readonly at: string }) => Number(at === "consumer.asked");
  const inTurn = planKills(plan.points, plan, round.random).toSorted((a, b) => isAsked(b) - isAsked(a));
  const did = (fault: string) => round.did(named(service, fault));
  await carryOut({ ...round, did }, inTurn, branch.processes[service]);
}

function named(service: CorrespondenceService, fault: string): string {
  return `${service}: ${fault}`;
}
