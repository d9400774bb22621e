/** The deliveries that this process has taken and not yet settled; every heartbeat lists them. */
export class Hand {
  readonly #jobs = new Map<string, number>();

  /** Notes a job as in hand until the returned function is called. */
  take(jobId: string): () => void {
    this.#jobs.set(jobId, (this.#jobs.get(jobId) ?? 0) + 1);
    return () => {
      const left = (this.#jobs.get(jobId) ?? 1) - 1;
      if (left === 0) this.#jobs.delete(jobId);
      else this.#jobs.set(jobId, left);
    };
  }

  /** Whether more than one delivery of the job is in hand: the first of them is at work on it here. */
  isTwice(jobId: string): boolean {
    return (this.#jobs.get(jobId) ?? 0) > 1;
  }

  ids(): string[] {
    return [...this.#jobs.keys()];
  }
}
