/** What every fault has: how many more times it strikes, and whom. */
export interface Fault {
  readonly kind: string;
  readonly count: number;
  /** Only this recipient; everybody unless given. */
  readonly to?: string | undefined;
}

/** The faults that somebody has ordered, struck in the order in which they were ordered. */
export class Faults<F extends Fault> {
  #ordered: F[] = [];

  get ordered(): readonly F[] {
    return this.#ordered;
  }

  order(fault: F): void {
    this.#ordered.push(fault);
  }

  clear(): void {
    this.#ordered = [];
  }

  /** The first fault of these kinds that strikes one of the recipients, used up by one. */
  take<K extends F["kind"]>(
    kinds: readonly K[],
    recipients: readonly string[],
  ): Extract<F, { kind: K }> | undefined {
    const strikes = (fault: F): fault is Extract<F, { kind: K }> =>
      kinds.some((kind) => kind === fault.kind) && (fault.to === undefined || recipients.includes(fault.to));
    const struck = this.#ordered.find(strikes);
    if (struck === undefined) return undefined;
    this.#ordered = this.#ordered
      .map((fault) => (fault === struck ? { ...fault, count: fault.count - 1 } : fault))
      .filter(({ count }) => count > 0);
    return struck;
  }
}
