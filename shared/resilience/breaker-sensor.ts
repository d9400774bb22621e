import CircuitBreaker from "opossum";
import type { BreakerOptions } from "./dependency.ts";

// Opossum closes a breaker again by itself after this; here the gate that all processes share decides that.
const NEVER_MS = 2 ** 31 - 1;

class Failure extends Error {}

/**
 * Notices when a dependency fails too often, in this process.
 *
 * It is told of calls that others make, so that no call waits for it, runs in it or is cut short by it: opossum only
 * counts and says when to open. What is neither success nor failure must not be noted at all: opossum would count it as
 * a success.
 */
export class BreakerSensor {
  readonly #options: BreakerOptions;
  readonly #onOpen: (failures: number) => void;
  #counting: CircuitBreaker<[boolean]>;

  constructor(options: BreakerOptions, onOpen: (failures: number) => void) {
    this.#options = options;
    this.#onOpen = onOpen;
    this.#counting = this.#count();
  }

  /** Notes how a call went; once open, it hears nothing more until it begins anew. */
  note(succeeded: boolean): void {
    if (this.#counting.opened) return;
    this.#counting.fire(succeeded).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
    });
  }

  /** Whether it has said that it opens, and has not begun anew since. */
  get isOpen(): boolean {
    return this.#counting.opened;
  }

  /** Forgets all calls: those from before the gate was shut would shut it again. */
  beginAnew(): void {
    this.#counting.shutdown();
    this.#counting = this.#count();
  }

  end(): void {
    this.#counting.shutdown();
  }

  #count(): CircuitBreaker<[boolean]> {
    const counting = new CircuitBreaker(callThatWent, {
      timeout: false,
      resetTimeout: NEVER_MS,
      errorThresholdPercentage: this.#options.errorPercentage,
      volumeThreshold: this.#options.volume,
      rollingCountTimeout: this.#options.windowMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    counting.on("open", () => this.#onOpen(counting.stats.failures));
    return counting;
  }
}

async function callThatWent(succeeded: boolean): Promise<void> {
  if (!succeeded) throw new Failure();
}
