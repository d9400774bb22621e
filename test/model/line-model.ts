import { activeIn, type Decision, decide, type Line, type Place, promoteLine, withPlace } from "./line.ts";
import type { Model, Step } from "./search.ts";

/** A promoter at work: the signals that it has locked, and what it has decided. */
interface Promoter {
  readonly taken: number;
  readonly decision: Decision | undefined;
}

/** One line with all who are at work on it. */
export interface LineWorld extends Line {
  readonly promoters: readonly Promoter[];
  /** Changes that are committed and whose signals are not: there must be none. */
  readonly owed: number;
  readonly faults: number;
}

/** How long the line is, how much may go wrong, and which moves are bent. */
export interface LineSetting {
  readonly jobs: number;
  readonly faultCount: number;
  readonly without: ReadonlySet<string>;
}

/**
 * A line of an ordering key as a model to be searched: jobs join it in transactions that commit in any order, are settled,
 * cancelled and given up, while promoters come and die.
 */
export function lineModel(setting: LineSetting): Model<LineWorld> {
  const places = Array.from({ length: setting.jobs }, (): Place => "none");
  return {
    initial: [{ places, signals: 0, promoters: [], owed: 0, faults: setting.faultCount }],
    steps: (world) => [...jobSteps(world, setting), ...promoterSteps(world, setting), ...owedSteps(world)],
    encode: (world) => JSON.stringify(world),
    broken: ({ places: now }) =>
      activeIn(now) > 1 ? `${activeIn(now)} jobs of one line at once` : undefined,
    isDone: ({ places: now }) => now.every((place) => place === "done"),
  };
}

type Change = readonly [name: string, to: Place, signals: 0 | 1, fault: boolean];

/** What may become of a job, where no promoter has its row. A commit after which the line may move on leaves a signal. */
const CHANGES: Readonly<Record<Place, readonly Change[]>> = {
  none: [["is enqueued", "adding", 0, false]],
  adding: [
    ["is committed", "blocked", 1, false],
    ["is rolled back", "done", 0, true],
  ],
  blocked: [["is about to be cancelled", "leaving", 0, true]],
  leaving: [
    ["is cancelled", "done", 1, false],
    ["is not cancelled after all", "blocked", 0, false],
  ],
  active: [["is about to end", "ending", 0, false]],
  ending: [
    ["ends", "done", 1, false],
    ["does not end after all", "active", 0, true],
    ["becomes a dead letter", "dead", 0, true],
  ],
  dead: [
    ["is left behind", "done", 1, false],
    ["is replayed", "blocked", 1, true],
  ],
  done: [],
};

function jobSteps(world: LineWorld, { without }: LineSetting): Step<LineWorld>[] {
  const sent = new Set(world.promoters.map(({ decision }) => decision?.sends));
  return world.places.flatMap((place, at) =>
    sent.has(at)
      ? []
      : CHANGES[place]
          .filter(([, , , fault]) => !fault || world.faults > 0)
          .map(([what, to, signals, fault]): Step<LineWorld> => {
            const isOwed = without.has("signal with the change");
            const next: LineWorld = {
              ...world,
              places: withPlace(world.places, at, to),
              signals: world.signals + (isOwed ? 0 : signals),
              owed: world.owed + (isOwed ? signals : 0),
              faults: world.faults - (fault ? 1 : 0),
            };
            return { name: `job ${at + 1} ${what}`, world: next, fault };
          }),
  );
}

// Where the signal is a transaction of its own, its process may die before.
function owedSteps(world: LineWorld): Step<LineWorld>[] {
  if (world.owed === 0) return [];
  const paid = { ...world, owed: world.owed - 1 };
  const told = { name: "a change is signalled", world: { ...paid, signals: world.signals + 1 } };
  return world.faults === 0
    ? [told]
    : [
        told,
        {
          name: "a process dies before its signal",
          world: { ...paid, faults: world.faults - 1 },
          fault: true,
        },
      ];
}

function promoterSteps(world: LineWorld, setting: LineSetting): Step<LineWorld>[] {
  const { promoters, signals } = world;
  const free = signals - promoters.reduce((sum, { taken }) => sum + taken, 0);
  const most = setting.without.has("lock of the line") ? 2 : 1;
  const begins: Step<LineWorld>[] =
    free > 0 && promoters.length < most
      ? [
          {
            name: "a promoter comes",
            world: { ...world, promoters: [...promoters, first(world, free, setting)] },
          },
        ]
      : [];
  return [...begins, ...promoters.flatMap((promoter) => stepsOf(promoter, world, setting))];
}

// First the signals, then the look: whatever is committed after the look has a signal that was not taken.
function first(world: LineWorld, free: number, { without }: LineSetting): Promoter {
  return without.has("look after taking")
    ? { taken: 0, decision: decide(world.places) }
    : { taken: free, decision: undefined };
}

function stepsOf(promoter: Promoter, world: LineWorld, { without }: LineSetting): Step<LineWorld>[] {
  const others = world.promoters.filter((other) => other !== promoter);
  const { taken, decision } = promoter;
  if (decision === undefined) {
    const locked = others.find((other) => other.decision?.sends !== undefined)?.decision?.sends;
    const decided = { taken, decision: decide(world.places, locked) };
    return [{ name: "a promoter looks", world: { ...world, promoters: [...others, decided] } }];
  }
  const isAgain = decision.again && !without.has("second look at a locked head");
  const all = without.has("only what was taken") || without.has("look after taking");
  const line = promoteLine(world, all ? world.signals : taken, { ...decision, again: isAgain });
  const commits = { name: "a promoter commits", world: { ...world, ...line, promoters: others } };
  if (world.faults === 0) return [commits];
  const gone = { ...world, promoters: others, faults: world.faults - 1 };
  return [commits, { name: "a promoter dies", world: gone, fault: true }];
}
