import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round } from "../scenario.ts";
import type { KeptProcess } from "../world/kept-process.ts";

/** Where they die. */
export const OVER_BYTES = [{ at: "payments.signed" }, { at: "payments.offered-again" }] as const;

const DIES_WITHIN_MS = 30_000;
const READY_MS = 60_000;

/**
 * Each time one payments process dies with a transfer that is stored and not offered, and the other one when it has
 * offered that again; they take turns. Tries up to twice as often as `times`.
 */
export async function dieOverBytes(
  round: Round,
  processes: readonly KeptProcess[],
  times: number,
): Promise<void> {
  for (let tries = 0, whole = 0; whole < times && tries < 2 * times; tries += 1) {
    const [first, second] = tries % 2 === 0 ? processes : processes.toReversed();
    if (first === undefined || second === undefined) return;
    const [signing, offering] = OVER_BYTES;
    const deaths = await Promise.all([dies(round, first, signing.at), dies(round, second, offering.at)]);
    if (deaths.every(Boolean)) whole += 1;
  }
}

/** @returns whether it came to the point; it is up again by then. */
async function dies(round: Round, victim: KeptProcess, point: CrashPoint): Promise<boolean> {
  await victim.kill(`${point}:1`);
  round.did("random");
  const { generation } = victim;
  const hasDied = await victim.hasSuccessor(generation, DIES_WITHIN_MS);
  if (hasDied) round.did(point);
  else {
    round.tell(`${victim.name} did not come to ${point} in ${DIES_WITHIN_MS / 1000} s; killed as it was`);
    await victim.kill();
    round.did("random");
  }
  await victim.isReady(READY_MS);
  return hasDied;
}
