import type { StackProcess } from "./stack.ts";

/** Something that runs and can be stopped. */
export interface Running {
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
}

/** Keeps what runs, to name it and to stop it. */
export interface Roster {
  readonly add: <T extends Running>(name: string, running: T) => T;
  readonly processes: () => StackProcess[];
  /** Stops everything at once; idempotent. */
  readonly stopAll: () => Promise<void>;
}

/** An empty roster. */
export function createRoster(): Roster {
  const entries: { name: string; running: Running }[] = [];
  return {
    add: (name, running) => {
      entries.push({ name, running });
      return running;
    },
    processes: () =>
      entries.flatMap(({ name, running: { pid } }) => (pid === undefined ? [] : [{ name, pid }])),
    stopAll: async () => {
      await Promise.all(entries.splice(0).map(({ running }) => running.stop()));
    },
  };
}
