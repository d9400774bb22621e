import type { Database } from "../database/database.ts";
import type { Gate } from "../gates/gate.ts";
import { readGates } from "../gates/read-gates.ts";
import type { Logger } from "../log/logger.ts";
import type { Bell } from "../time/bell.ts";

/** What a consumer process knows of the gates at which jobs wait: no more than a second old. */
export class GateWatch {
  #closed: ReadonlyMap<string, "shut" | "probing"> = new Map();
  /** What this process shuts and has not yet written. */
  readonly #unwritten = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #lookers = new Set<() => void>();

  /** Undefined for a gate that lets jobs pass. */
  stateOf(name: string): "shut" | "probing" | undefined {
    return this.#closed.get(name);
  }

  /** Whether every gate lets jobs pass. */
  get isClear(): boolean {
    return this.#closed.size === 0;
  }

  /** Takes in what PostgreSQL has just said. */
  learn(gates: readonly Gate[]): void {
    const closed = new Map<string, "shut" | "probing">([...this.#unwritten].map((name) => [name, "shut"]));
    for (const { name, state } of gates) if (state === "shut" || state === "probing") closed.set(name, state);
    const same =
      closed.size === this.#closed.size &&
      [...closed].every(([name, state]) => this.#closed.get(name) === state);
    this.#closed = closed;
    if (!same) this.#tell();
  }

  /** Looks at PostgreSQL once. */
  async look(db: Database): Promise<void> {
    this.learn(await readGates(db));
    for (const looker of this.#lookers) looker();
  }

  /** Shuts a gate here while `write` makes it known to all, so that no look in between opens it again. */
  async shutWhile(name: string, write: () => Promise<void>): Promise<void> {
    this.#unwritten.add(name);
    this.shut(name);
    try {
      await write();
    } finally {
      this.#unwritten.delete(name);
    }
  }

  /** Knows of a gate that it is shut, before the next look. */
  shut(name: string): void {
    if (this.#closed.get(name) === "shut") return;
    this.#closed = new Map([...this.#closed, [name, "shut"]]);
    this.#tell();
  }

  /** Calls back whenever a gate has changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back after each look, every second or so. */
  onLook(looker: () => void): void {
    this.#lookers.add(looker);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

export interface KeepWatchingOptions {
  readonly watch: GateWatch;
  /** Rung when gates have changed. */
  readonly bell: Bell;
  readonly db: Database;
  readonly log: Logger;
  readonly end: AbortSignal;
}

const LOOK_EVERY_MS = 1_000;

/** Looks at the gates whenever one is told to have changed, and each second; on a failure the last known stand. */
export async function keepWatching({ watch, bell, db, log, end }: KeepWatchingOptions): Promise<void> {
  while (!end.aborted) {
    await bell.wait(LOOK_EVERY_MS, end);
    if (end.aborted) break;
    await watch
      .look(db)
      .catch((error: unknown) =>
        log.warn({ err: error }, "the gates could not be read; those last known stand"),
      );
  }
}
