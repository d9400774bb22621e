/** Lets the runs of a process be side by side, or one of them be alone in it. */
export class Solitude {
  #running = 0;
  #onEmpty: (() => void) | undefined;
  #alone: Promise<void> | undefined;

  /** Runs something beside others, once nobody is, or waits to be, alone. */
  async among<T>(run: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    this.#running += 1;
    try {
      return await run();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#onEmpty?.();
    }
  }

  /** Runs something once all others have ended, and begins no other meanwhile. */
  async alone<T>(run: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    const over = Promise.withResolvers<void>();
    this.#alone = over.promise;
    try {
      await this.#empty();
      return await run();
    } finally {
      this.#alone = undefined;
      over.resolve();
    }
  }

  #empty(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    return promise;
  }
}
