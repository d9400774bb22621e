/**
 * How many deliveries the consumer of one queue may have in hand. Any number of reasons may ask for fewer; the smallest
 * number counts, and 0 takes nothing. A change ends the consumer, once what it has in hand is settled, and begins anew.
 */
export class Intake {
  readonly #most: number;
  readonly #limits = new Map<string, number>();
  #changed = new AbortController();

  constructor(most: number) {
    this.#most = most;
  }

  get prefetch(): number {
    return Math.min(this.#most, ...this.#limits.values());
  }

  /** Aborted with the next change of `prefetch`. */
  get changed(): AbortSignal {
    return this.#changed.signal;
  }

  /** Asks for at most so many for a reason, or, with undefined, withdraws that. */
  limit(reason: string, most: number | undefined): void {
    const before = this.prefetch;
    if (most === undefined) this.#limits.delete(reason);
    else this.#limits.set(reason, most);
    if (this.prefetch === before) return;
    const over = this.#changed;
    this.#changed = new AbortController();
    over.abort();
  }
}
