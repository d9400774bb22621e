/**
 * Remembers up to where a lane of the outbox was emptied, so that a claim need not step over the dead index entries of
 * what went out before (a plain scan falls from 51k to 8.6k rows a second while some transaction is left open).
 *
 * The mark lags: ids are drawn before their transaction commits, so a lower id may still appear. One that appears later
 * than the lag is found by the next full look.
 */
export class LowWater {
  readonly #lagMs: number;
  readonly #fullLookMs: number;
  readonly #marks: { id: bigint; at: number }[] = [];
  #low = 0n;
  #lookedAt = 0;

  constructor(lagMs = 5_000, fullLookMs = 30_000) {
    this.#lagMs = lagMs;
    this.#fullLookMs = fullLookMs;
  }

  /** Where the claim at `now` (ms) starts; every `fullLookMs` it starts from nothing. */
  above(now: number): bigint {
    if (now - this.#lookedAt >= this.#fullLookMs) {
      this.#lookedAt = now;
      return 0n;
    }
    while (this.#marks[0] !== undefined && this.#marks[0].at <= now - this.#lagMs) {
      this.#low = this.#marks[0].id;
      this.#marks.shift();
    }
    return this.#low;
  }

  /** Notes that everything seen up to `id` went out at `now` (ms); marks closer than a tenth of the lag are merged. */
  reached(id: bigint, now: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && id <= last.id) return;
    if (last !== undefined && now - last.at < this.#lagMs / 10) return;
    if (id > this.#low) this.#marks.push({ id, at: now });
  }

  /** Forgets the mark: what was claimed did not go out. */
  reset(): void {
    this.#marks.length = 0;
    this.#low = 0n;
  }
}
