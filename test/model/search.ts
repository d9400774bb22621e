/** One thing that may happen next. */
export interface Step<World> {
  readonly name: string;
  readonly world: World;
  /** Whether it is a misfortune: it may happen, but nothing may depend on its happening. */
  readonly fault?: boolean;
}

/** What is searched: where it begins, what may happen, and what must hold in every world that can be reached. */
export interface Model<World> {
  readonly initial: readonly World[];
  readonly steps: (world: World) => Step<World>[];
  /** Two worlds with one code are one. */
  readonly encode: (world: World) => string;
  /** What is wrong with a world; undefined for nothing. */
  readonly broken: (world: World) => string | undefined;
  /** A world in which all is done. Every world must have a way to one without any further misfortune. */
  readonly isDone: (world: World) => boolean;
}

/** What a search found. */
export interface Found<World> {
  readonly worlds: number;
  readonly steps: number;
  /** What went wrong and the shortest way there; undefined when every promise holds everywhere. */
  readonly violation: Violation<World> | undefined;
}

export interface Violation<World> {
  readonly what: string;
  readonly trace: readonly string[];
  readonly world: World;
}

/**
 * Walks through every world that can be reached, breadth first, so that the first violation found has the shortest
 * trace; then looks for worlds from which no way leads to an end.
 *
 * @throws RangeError beyond `limit` worlds: the model was given too much freedom.
 */
export function search<World>(model: Model<World>, limit = 2_000_000): Found<World> {
  const seen = new Map<string, number>();
  const worlds: World[] = [];
  const cameFrom: { readonly from: number; readonly name: string }[] = [];
  const edges = new Edges();
  let steps = 0;

  const reach = (world: World, from: number, name: string): number => {
    const code = model.encode(world);
    const known = seen.get(code);
    if (known !== undefined) return known;
    const place = worlds.length;
    if (place >= limit) throw new RangeError(`more than ${limit} worlds: give the model fewer faults`);
    seen.set(code, place);
    worlds.push(world);
    cameFrom.push({ from, name });
    return place;
  };
  const found = (what: string, place: number): Found<World> => {
    const trace: string[] = [];
    for (let at = place; at >= 0; at = cameFrom[at]?.from ?? -1) trace.unshift(cameFrom[at]?.name ?? "");
    return { worlds: worlds.length, steps, violation: { what, trace, world: worlds[place] as World } };
  };

  for (const world of model.initial) reach(world, -1, "begin");
  for (let place = 0; place < worlds.length; place += 1) {
    const world = worlds[place] as World;
    const what = model.broken(world);
    if (what !== undefined) return found(what, place);
    for (const step of model.steps(world)) {
      steps += 1;
      const next = reach(step.world, place, step.name);
      if (step.fault !== true) edges.add(place, next);
    }
  }
  const stuck = edges.firstWithoutWayTo((place) => model.isDone(worlds[place] as World), worlds.length);
  if (stuck !== undefined) return found("no way leads from here to an end", stuck);
  return { worlds: worlds.length, steps, violation: undefined };
}

/** The steps that are no misfortunes, by number of world. */
class Edges {
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  add(from: number, to: number): void {
    if (from === to) return;
    this.#from.push(from);
    this.#to.push(to);
  }

  /** Goes backwards from the ends; the first world that this does not come by cannot get to any. */
  firstWithoutWayTo(isEnd: (place: number) => boolean, count: number): number | undefined {
    const before = this.#predecessors(count);
    const reached = new Uint8Array(count);
    const open: number[] = [];
    const mark = (place: number) => {
      if (reached[place] === 1) return;
      reached[place] = 1;
      open.push(place);
    };
    for (let place = 0; place < count; place += 1) if (isEnd(place)) mark(place);
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      for (const previous of before(place)) mark(previous);
    }
    const first = reached.indexOf(0);
    return first < 0 ? undefined : first;
  }

  // All predecessors in one array, those of a world side by side.
  #predecessors(count: number): (place: number) => Int32Array {
    const starts = new Int32Array(count + 2);
    for (const to of this.#to) starts[to + 2]! += 1;
    for (let place = 2; place < starts.length; place += 1) starts[place]! += starts[place - 1]!;
    const sorted = new Int32Array(this.#to.length);
    for (const [edge, to] of this.#to.entries()) {
      sorted[starts[to + 1]!] = this.#from[edge]!;
      starts[to + 1]! += 1;
    }
    return (place) => sorted.subarray(starts[place], starts[place + 1]);
  }
}
