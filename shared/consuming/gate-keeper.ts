import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { leaseTokens } from "../gates/lease-tokens.ts";
import { releaseHeld } from "../gates/release-held.ts";
import { gateName } from "../resilience/gate-name.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Handler } from "./handle.ts";
import { holdDeliveries, type Pass } from "./hold-deliveries.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";

/** A delivery that waits for a worker, and what it needs no more. */
export interface GatedItem {
  readonly parsed: ParsedDelivery;
  pass?: Pass;
  /** The bulkhead that has no place for it to wait at. */
  full?: string;
  /** The limits of which it has a token. */
  tokens?: Set<string>;
}

/** Says of the deliveries of one queue which have to be held, and which may start. */
export class GateKeeper {
  readonly #context: ConsumerContext;
  readonly #onChange: () => void;
  readonly #gates = new Map<Handler, readonly string[]>();
  readonly #running = new Map<string, number>();
  readonly #bulkheads: readonly { readonly name: string; readonly concurrency: number }[];
  /** Bulkheads for which this queue has held jobs. */
  readonly #overflowing = new Set<string>();
  /** Deliveries that want a token, by limit. */
  readonly #wanting = new Map<string, Set<GatedItem>>();

  /** `onChange` is called when some that had to wait may start, or have to be held. */
  constructor(context: ConsumerContext, onChange: () => void) {
    this.#context = context;
    this.#onChange = onChange;
    context.gates.watch.onChange(onChange);
    context.gates.watch.onLook(() => this.#fillRooms());
    const uses = new Set([...context.handlers.values()].flatMap((handler) => handler.uses ?? []));
    this.#bulkheads = [...uses].flatMap(({ name, concurrency }) =>
      concurrency === undefined ? [] : [{ name, concurrency }],
    );
    for (const handler of context.handlers.values())
      this.#gates.set(handler, gatesOf(handler, context.queue));
  }

  /** Takes out what has to be held: its gate is shut, or too many wait here already for its bulkhead. */
  turnAway<Item extends GatedItem>(waiting: Item[]): Item[] {
    // As nearly always: nothing is looked at for each delivery that comes.
    if (this.#context.gates.watch.isClear && this.#bulkheads.length === 0) return [];
    const places = new Map<string, number>();
    const away = waiting.filter((item) => this.#isShut(item) || this.#isTooMany(item, places));
    if (away.length > 0) waiting.splice(0, waiting.length, ...waiting.filter((item) => !away.includes(item)));
    return away;
  }

  #isShut({ parsed, pass, tokens }: GatedItem): boolean {
    if (pass !== undefined) return false;
    const { watch } = this.#context.gates;
    const names = this.#gates.get(parsed.handler) ?? [];
    return names.some((name) => watch.stateOf(name) !== undefined && tokens?.has(name) !== true);
  }

  /** Whether every type of this queue waits for a gate that stays shut for a while: no delivery can be of use. */
  get allWait(): boolean {
    const { watch } = this.#context.gates;
    const handlers = [...this.#gates].filter(([handler]) =>
      handler.definition.priorities.includes(this.#context.priority),
    );
    // A limit has a token for somebody soon, and a probe wants to be found.
    const isShut = (name: string) => !name.startsWith(gateName.limit("")) && watch.stateOf(name) === "shut";
    return handlers.length > 0 && handlers.every(([, names]) => names.some(isShut));
  }

  /** Holds deliveries in one transaction. @returns those that are not held: they start, or come here again. */
  async hold<Item extends GatedItem>(group: readonly Item[]): Promise<ReadonlySet<Item>> {
    const { db, hurry, log, gates } = this.#context;
    const waiting = group.map(({ parsed, full }) => ({
      id: parsed.id,
      send: parsed.send,
      full,
      gates: this.#gates.get(parsed.handler) ?? [],
    }));
    const result = await untilDatabaseAnswers(() => holdDeliveries(db, waiting), hurry, log);
    const left = new Set<Item>();
    for (const [place, item] of group.entries()) {
      const verdict = result.verdicts[place];
      if (verdict === undefined || verdict.kind === "held") continue;
      if (verdict.kind === "passes") item.pass = verdict;
      left.add(item);
    }
    gates.watch.learn(result.gates);
    return left;
  }

  /** Takes the first that may start now: there is room in its bulkheads, and it has its tokens. */
  takeNext<Item extends GatedItem>(waiting: Item[]): Item | undefined {
    const place = waiting.findIndex((item) => this.#hasRoom(item) && this.#isPaid(item));
    if (place < 0) return undefined;
    const [item] = waiting.splice(place, 1);
    if (item !== undefined) this.#count(item, 1);
    return item;
  }

  /** Notes that a delivery has left its worker; one that was held for want of room may come. */
  leave(item: GatedItem): void {
    this.#count(item, -1);
    for (const { name, concurrency } of item.parsed.handler.uses ?? []) {
      if (concurrency !== undefined && this.#overflowing.has(name)) this.#callIn(name, 1);
    }
  }

  // As many may wait as run, so that no place stays empty; more would keep others from being delivered.
  #isTooMany(item: GatedItem, places: Map<string, number>): boolean {
    if (item.pass !== undefined) return false;
    for (const { name, concurrency } of item.parsed.handler.uses ?? []) {
      if (concurrency === undefined) continue;
      const taken = (places.get(name) ?? this.#running.get(name) ?? 0) + 1;
      if (taken > 2 * concurrency) {
        item.full = gateName.bulkhead(name);
        this.#overflowing.add(name);
        return true;
      }
      places.set(name, taken);
    }
    return false;
  }

  // After a restart nobody remembers what was held.
  #fillRooms(): void {
    for (const { name, concurrency } of this.#bulkheads) {
      const room = concurrency - (this.#running.get(name) ?? 0);
      if (room > 0) this.#callIn(name, room);
    }
  }

  #callIn(name: string, most: number): void {
    const { db, service, priority, log } = this.#context;
    releaseHeld(db, { gate: gateName.bulkhead(name), most, queue: { service, priority } }).then(
      (called) => {
        if (called.length < most) this.#overflowing.delete(name);
      },
      (error: unknown) =>
        log.warn({ err: error, dependency: name }, "held jobs could not be called in; trying again"),
    );
  }

  #hasRoom({ parsed }: GatedItem): boolean {
    return (parsed.handler.uses ?? []).every(
      ({ name, concurrency }) => concurrency === undefined || (this.#running.get(name) ?? 0) < concurrency,
    );
  }

  #count({ parsed }: GatedItem, change: number): void {
    for (const { name } of parsed.handler.uses ?? [])
      this.#running.set(name, (this.#running.get(name) ?? 0) + change);
  }

  #isPaid(item: GatedItem): boolean {
    if (item.pass !== undefined) return true;
    const unpaid = (item.parsed.handler.uses ?? [])
      .filter(({ limit }) => limit !== undefined)
      .map(({ name }) => gateName.limit(name))
      .filter((name) => item.tokens?.has(name) !== true);
    for (const name of unpaid) this.#want(name, item);
    return unpaid.length === 0;
  }

  // Those that come together ask together.
  #want(name: string, item: GatedItem): void {
    const wanting = this.#wanting.get(name);
    if (wanting !== undefined) {
      wanting.add(item);
      return;
    }
    this.#wanting.set(name, new Set([item]));
    setImmediate(() => this.#lease(name));
  }

  #lease(name: string): void {
    const { db, hurry, log, gates } = this.#context;
    const items = [...(this.#wanting.get(name) ?? [])];
    const told = (error: unknown) => {
      if (!(error instanceof Interrupted)) log.error({ err: error, gate: name }, "no tokens could be leased");
      return 0;
    };
    untilDatabaseAnswers(() => leaseTokens(db, name, items.length), hurry, log)
      .catch(told)
      .then((taken) => {
        for (const item of items.slice(0, taken)) item.tokens = new Set([...(item.tokens ?? []), name]);
        this.#wanting.delete(name);
        if (taken < items.length) gates.watch.shut(name);
        this.#onChange();
      })
      .catch(told);
  }
}

function gatesOf({ definition, uses = [] }: Handler, queue: string): readonly string[] {
  return [
    gateName.queue(queue),
    gateName.type(definition.type),
    ...uses.filter(({ breaker }) => breaker !== undefined).map(({ name }) => gateName.breaker(name)),
    ...uses.filter(({ limit }) => limit !== undefined).map(({ name }) => gateName.limit(name)),
  ];
}
