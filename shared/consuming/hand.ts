/** The deliveries that this process has taken and not yet settled; every heartbeat lists them. */
export class Hand {
  readonly #jobs = new Map<string, number>();
  readonly #calls = new Map<string, AbortController>();

  /** Notes a job as in hand until the returned function is called. */
  take(jobId: string): () => void {
    this.#jobs.set(jobId, (this.#jobs.get(jobId) ?? 0) + 1);
    return () => {
      const left = (this.#jobs.get(jobId) ?? 1) - 1;
      if (left === 0) {
        this.#jobs.delete(jobId);
        this.#calls.delete(jobId);
      } else this.#jobs.set(jobId, left);
    };
  }

  /** Whether more than one delivery of the job is in hand: the first of them is at work on it here. */
  isTwice(jobId: string): boolean {
    return (this.#jobs.get(jobId) ?? 0) > 1;
  }

  /** Aborted when a job in hand is called off. */
  calledOff(jobId: string): AbortSignal {
    const call = this.#calls.get(jobId) ?? new AbortController();
    if (this.#jobs.has(jobId)) this.#calls.set(jobId, call);
    return call.signal;
  }

  /** Calls a job off; does nothing when it is not in hand. */
  callOff(jobId: string): void {
    this.calledOff(jobId);
    this.#calls.get(jobId)?.abort();
  }

  ids(): string[] {
    return [...this.#jobs.keys()];
  }
}
