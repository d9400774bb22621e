import type { Figure } from "./results.ts";
import type { LoadPlan } from "./world/load.ts";
import type { Random } from "./world/random.ts";
import type { World } from "./world/world.ts";

/** What became of work that is not in the notebook, in the same terms. */
export interface OwnVerdict {
  readonly committed: number;
  readonly declaredDuplicates?: number;
  /** Each breach in words. */
  readonly lost: readonly string[];
  readonly duplicates: readonly string[];
  readonly wrongEnds: readonly string[];
}

/** What a scenario works with in one round, while jobs arrive all the time. */
export interface Round {
  readonly world: World;
  readonly random: Random;
  /** Whether only a few of each fault are wanted. */
  readonly quick: boolean;
  /** Under which its jobs stand in the notebook. */
  readonly name: string;
  /** Of this round, from 0. */
  readonly number: number;
  /** Counts one fault under its name. */
  readonly did: (fault: string) => void;
  /**
   * Lets work flow for the rate before, brings a trouble and ends it, and notes how long it takes until work flows
   * again; `meanwhile` sees to something else after the end.
   */
  readonly strikes: (
    strike: () => Promise<void>,
    meanwhile?: (beganMs: number, endMs: number) => Promise<void> | void,
  ) => Promise<void>;
  /** Keeps a figure beside its limit. */
  readonly measured: (figure: Figure) => void;
  /** Has work judged that is not in the notebook, or only measured, once the jobs of the round are at their end. */
  readonly judges: (judge: () => Promise<OwnVerdict | undefined>) => void;
  /** Shows a line to the person. */
  readonly tell: (text: string) => void;
}

/** One kind of trouble, injected round by round while work goes on. */
export interface Scenario {
  /** For --only. */
  readonly name: string;
  /** One line for --list. */
  readonly what: string;
  /** Rounds of the full matrix; the quick one has one. */
  readonly rounds: number;
  /** How often each of its faults has to strike in all rounds of the full matrix. */
  readonly wants?: Readonly<Record<string, number>>;
  /** Its provider is well and nothing is stopped for long: outside effects have exact attempts, too. */
  readonly exactAttempts?: boolean;
  /** Nobody dies in it: not even a handler that may do something twice has an excuse. */
  readonly noDuplicates?: boolean;
  readonly load?: Partial<LoadPlan>;
  /** How long its jobs may come no nearer to their end, in ms, where that is longer than usual. */
  readonly patienceMs?: number;
  /** Injects the faults of one round; everything it broke is whole again when it returns. */
  readonly inject: (round: Round) => Promise<void>;
}
