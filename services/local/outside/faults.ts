/** What every fault has: how many more times it strikes, and whom. */
export interface Fault {
  readonly kind: string;
  readonly count: number;
  /** Only this recipient; everybody unless given. */
  readonly to?: string | undefined;
  /** Only these operations; all of them unless given. */
  readonly on?: readonly string[] | undefined;
  /** Strikes one in so many of those that it could strike, the last of them; each one unless given. */
  readonly every?: number | undefined;
}

/** The faults that somebody has ordered, struck in the order in which they were ordered. */
export class Faults<F extends Fault> {
  #ordered: F[] = [];
  // How many each fault has let pass since it last struck.
  #passed = new Map<F, number>();

  get ordered(): readonly F[] {
    return this.#ordered;
  }

  order(fault: F): void {
    this.#ordered.push(fault);
  }

  /** Takes all of them back, or all of one kind. */
  clear(kind?: string): void {
    this.#ordered = this.#ordered.filter((fault) => kind !== undefined && fault.kind !== kind);
    this.#passed = new Map([...this.#passed].filter(([fault]) => this.#ordered.includes(fault)));
  }

  /** The first fault of these kinds that strikes one of the recipients in this operation, used up by one. */
  take<K extends F["kind"]>(
    kinds: readonly K[],
    recipients: readonly string[],
    operation?: string,
  ): Extract<F, { kind: K }> | undefined {
    const fits = (fault: F): fault is Extract<F, { kind: K }> =>
      kinds.some((kind) => kind === fault.kind) &&
      (fault.to === undefined || recipients.includes(fault.to)) &&
      (fault.on === undefined || (operation !== undefined && fault.on.includes(operation)));
    const struck = this.#ordered.filter(fits).find((fault) => this.#isTurn(fault));
    if (struck === undefined) return undefined;
    this.#ordered = this.#ordered.map((fault) => (fault === struck ? this.#usedUpByOne(fault) : fault));
    this.#ordered = this.#ordered.filter(({ count }) => count > 0);
    return struck;
  }

  #isTurn(fault: F): boolean {
    const passed = (this.#passed.get(fault) ?? 0) + 1;
    this.#passed.set(fault, passed);
    return passed % (fault.every ?? 1) === 0;
  }

  #usedUpByOne(fault: F): F {
    this.#passed.delete(fault);
    return { ...fault, count: fault.count - 1 };
  }
}
