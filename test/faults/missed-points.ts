import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Scenario } from "./scenario.ts";

/** How often processes of each kind have to die at each of their points in the full matrix. */
const LEAST: Readonly<Record<string, number>> = {
  relay: 100,
  consumer: 200,
  scheduler: 50,
  recorder: 50,
  payments: 50,
};

/** How often the scenarios together aim at a crash point. */
export function aimedAt(point: CrashPoint, scenarios: readonly Scenario[]): number {
  return scenarios.reduce((sum, { wants }) => sum + (wants?.[point] ?? 0), 0);
}

/** Crash points at which the scenarios together kill less often than they have to, in words. */
export function missedPoints(points: readonly CrashPoint[], scenarios: readonly Scenario[]): string[] {
  return points.flatMap((point) => {
    const [kind = ""] = point.split(".");
    const aimed = aimedAt(point, scenarios);
    const least = LEAST[kind] ?? Number.POSITIVE_INFINITY;
    return aimed < least ? [`${point}: ${aimed} of ${least} kills`] : [];
  });
}
