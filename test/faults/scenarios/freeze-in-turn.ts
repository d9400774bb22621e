import { setTimeout as sleep } from "node:timers/promises";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round } from "../scenario.ts";
import type { KeptProcess } from "../world/kept-process.ts";

/** Longer than a heartbeat may be away (30 s), with the sweep that follows (10 s). */
export const ASLEEP_MS = 45_000;
const PATIENCE_MS = 40_000;

/** Stops a process at one crash point after the other, after some passes, for longer than any timeout, and lets it go on. */
export async function freezeInTurn(
  round: Round,
  victim: KeptProcess | undefined,
  points: readonly CrashPoint[],
  mostPasses = 10,
): Promise<void> {
  if (victim === undefined) return;
  for (const point of points) {
    await victim.kill(`${point}:${round.quick ? 1 : round.random.between(1, mostPasses)}:SIGSTOP`);
    if (await victim.stopsAtCrashPoint(PATIENCE_MS)) {
      await sleep(ASLEEP_MS);
      victim.thaw();
      round.did(`${point} frozen`);
      await sleep(2000);
    } else round.tell(`${victim.name} did not come to ${point} in ${PATIENCE_MS / 1000} s`);
  }
}
