import type { Logger } from "../log/logger.ts";

const INTERVAL_MS = 1_000;

/** Stores the newest progress of a run, at most once a second; progress that cannot be stored is only logged. */
export class ProgressKeeper {
  readonly #store: (value: unknown) => Promise<void>;
  readonly #log: Logger;
  #newest: { value: unknown } | undefined;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: (value: unknown) => Promise<void>, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  readonly note = (value: unknown): void => {
    if (this.#closed) return;
    this.#newest = { value };
    this.#timer ??= setTimeout(() => this.#write(), INTERVAL_MS);
  };

  /** Stores what is left, and nothing after that. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#timer = undefined;
    const newest = this.#newest;
    this.#newest = undefined;
    if (newest === undefined) return;
    this.#writing = this.#writing
      .then(() => this.#store(newest.value))
      .catch((error: unknown) => this.#log.warn({ err: error }, "progress could not be stored"));
  }
}
