import { setTimeout as sleep } from "node:timers/promises";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round } from "../scenario.ts";
import type { KeptProcess } from "../world/kept-process.ts";
import type { Random } from "../world/random.ts";

/** One kill: at a crash point after so many passes, or after some time. */
export type Kill =
  | { readonly at: CrashPoint; readonly passes: number; readonly misses?: number }
  | { readonly at: "random"; readonly afterMs: number };

/** Longer than any point takes to be passed under load. */
const PATIENCE_MS = 20_000;
const READY_MS = 60_000;
/** A kill whose point was not come to is tried again so often. */
const MOST_MISSES = 3;

/** So many kills at each point and at random times, shuffled. */
export function planKills(
  points: readonly { readonly at: CrashPoint; readonly mostPasses: number }[],
  { each, atRandom }: { readonly each: number; readonly atRandom: number },
  random: Random,
): Kill[] {
  const atPoints = points.flatMap(({ at, mostPasses }) =>
    Array.from({ length: each }, (): Kill => ({ at, passes: random.between(1, mostPasses) })),
  );
  const anywhere = Array.from(
    { length: atRandom },
    (): Kill => ({ at: "random", afterMs: random.between(0, 1500) }),
  );
  return [...atPoints, ...anywhere]
    .map((kill) => ({ kill, place: random.next() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ kill }) => kill);
}

/** How often each fault of a plan strikes when it is carried out so many times. */
export function wanted(
  points: readonly { readonly at: CrashPoint }[],
  { each, atRandom }: { readonly each: number; readonly atRandom: number },
  times: number,
): Record<string, number> {
  const atPoints = points.map(({ at }) => [at, each * times] as const);
  return Object.fromEntries([...atPoints, ...(atRandom > 0 ? [["random", atRandom * times] as const] : [])]);
}

/** Carries the plan out on some processes at once; each is killed, started again and killed again. */
export async function carryOut(
  round: Round,
  kills: readonly Kill[],
  victims: readonly KeptProcess[],
): Promise<void> {
  const left = [...kills];
  const take = () => left.shift();
  // Sooner than it was, so that it is reached.
  const putBack = (kill: Kill) => {
    const misses = kill.at === "random" ? MOST_MISSES : (kill.misses ?? 0) + 1;
    if (kill.at !== "random" && misses < MOST_MISSES && !round.quick)
      left.push({ at: kill.at, passes: Math.ceil(kill.passes / 4), misses });
  };
  await Promise.all(victims.map((victim) => killInTurn(round, { take, putBack }, victim)));
}

/** What is left of a plan. */
interface Rest {
  readonly take: () => Kill | undefined;
  readonly putBack: (kill: Kill) => void;
}

// A crash point is in the environment: whoever is to die at one is started for it, by the death before.
async function killInTurn(round: Round, { take, putBack }: Rest, victim: KeptProcess): Promise<void> {
  let kill = take();
  if (kill === undefined) return;
  await victim.kill(crashOf(kill));
  round.did("random");
  while (kill !== undefined) {
    const next = take();
    const { generation } = victim;
    victim.arm(crashOf(next));
    if (kill.at === "random") {
      await victim.isReady(READY_MS);
      await sleep(kill.afterMs);
      await victim.kill(crashOf(next));
      round.did("random");
    } else if (await diesWhenUp(victim, generation)) round.did(kill.at);
    else {
      round.tell(`${victim.name} did not come to ${kill.at} in ${PATIENCE_MS / 1000} s; killed as it was`);
      await victim.kill(crashOf(next));
      round.did("random");
      putBack(kill);
    }
    kill = next;
  }
  await victim.isReady(READY_MS);
}

// On a busy machine a start takes longer than the patience; one that dies before it is up has a successor to wait for.
async function diesWhenUp(victim: KeptProcess, generation: number): Promise<boolean> {
  await victim.isReady(READY_MS);
  return victim.hasSuccessor(generation, PATIENCE_MS);
}

function crashOf(kill: Kill | undefined): string | undefined {
  return kill === undefined || kill.at === "random" ? undefined : `${kill.at}:${kill.passes}`;
}
