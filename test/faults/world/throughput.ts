import type { Database } from "#shared/index.ts";
import { countEffects } from "./notebook.ts";

/** How many effects there were, and when. */
export interface Sample {
  readonly atMs: number;
  readonly effects: number;
}

const EVERY_MS = 250;
const WINDOW_MS = 1000;
const ENOUGH = 0.95;

/** Watches how fast effects come about in a round. */
export class Throughput {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  readonly #perSecond: number;

  /** `perSecond` jobs arrive. */
  constructor(db: Database, round: string, perSecond: number) {
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => void this.#look(db, round), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Milliseconds from `endMs` (the cause had ended) until work flows as before `beganMs` (the cause set in). */
  recovery(beganMs: number, endMs: number): number | undefined {
    return recoveryOf(this.#samples, { beganMs, endMs, perSecond: this.#perSecond });
  }

  // PostgreSQL may be gone at the moment, which is a sample that is missing and no more.
  async #look(db: Database, round: string): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const atMs = Date.now();
    await countEffects(db, round).then(
      (effects) => this.#samples.push({ atMs, effects }),
      () => undefined,
    );
    this.#looking = false;
  }
}

/** A fault: its cause set in, and had ended; and how many jobs arrive. */
export interface Strike {
  readonly beganMs: number;
  readonly endMs: number;
  readonly perSecond: number;
}

/**
 * From when on, after the end, a whole second had 95 % of the rate of the 3 s before the beginning; undefined when none
 * had or nothing was measured before. What was still being made up for then does not count: no more than arrives can
 * be done for long.
 */
export function recoveryOf(
  samples: readonly Sample[],
  { beganMs, endMs, perSecond }: Strike,
): number | undefined {
  const before = rateBetween(samples, beganMs - 3 * WINDOW_MS, beganMs);
  if (before === undefined || before === 0) return undefined;
  const usual = Math.min(before, perSecond / 1000);
  for (const from of samples.filter(({ atMs }) => atMs >= endMs)) {
    const to = samples.find(({ atMs }) => atMs >= from.atMs + WINDOW_MS);
    if (to === undefined) return undefined;
    const rate = (to.effects - from.effects) / (to.atMs - from.atMs);
    if (rate >= ENOUGH * usual) return from.atMs - endMs;
  }
  return undefined;
}

function rateBetween(samples: readonly Sample[], fromMs: number, toMs: number): number | undefined {
  const within = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const [first, last] = [within.at(0), within.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  return (last.effects - first.effects) / (last.atMs - first.atMs);
}
