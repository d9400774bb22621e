import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "../processes/child.ts";
import { startNodeProgram } from "../processes/node-program.ts";
import { lastLines } from "../processes/run-command.ts";
import { explain } from "../setup-error.ts";
import type { Environment } from "./service-environment.ts";
import type { StackProcess } from "./stack.ts";

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;
/** A service that ran this long had started well: its next restart is quick again. */
const WELL_MS = 60_000;
/** Longer than the services' own STOP_GRACE_MS, so that a kill is truly the last resort. */
const STOP_MS = 15_000;

/** Keeps the services running until they are told to stop. */
export interface ServiceKeeper {
  /** Starts a service; resolves when it is ready. */
  readonly start: (name: string, environment: Environment) => Promise<void>;
  readonly processes: () => StackProcess[];
  /** Lets all services finish their work and end. */
  readonly stopAll: () => Promise<void>;
}

/** Makes a keeper that tells by `out` what died, and by `onChange` that there is a new process. */
export function createServiceKeeper(
  stackDir: string,
  out: (line: string) => void,
  onChange: () => void,
): ServiceKeeper {
  const children = new Map<string, Child>();
  const kept: Promise<void>[] = [];
  const stopping = new AbortController();

  const launch = async (name: string, environment: Environment): Promise<void> => {
    const child = await startNodeProgram({ name, file: `services/${name}/main.ts`, environment, stackDir });
    children.set(name, child);
    if (stopping.signal.aborted) await child.stop("SIGTERM", STOP_MS);
    onChange();
  };

  /** Tries until it runs again, more and more slowly; returns how long the next wait would be. */
  const revive = async (name: string, environment: Environment, firstDelay: number): Promise<number> => {
    for (let delay = firstDelay; ; ) {
      out(`${name} is started again in ${delay / 1000} s.`);
      await sleep(delay, undefined, { signal: stopping.signal });
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
      try {
        await launch(name, environment);
        if (!stopping.signal.aborted) out(`${name} is back.`);
        return delay;
      } catch (error) {
        out(explain(error));
      }
    }
  };

  const keep = async (name: string, environment: Environment): Promise<void> => {
    let delay = FIRST_DELAY_MS;
    for (let child = children.get(name); child !== undefined; child = children.get(name)) {
      const since = performance.now();
      await child.ended;
      if (stopping.signal.aborted) return;
      out(`${name} ended by itself. Its last words (all: ${child.logFile}):\n${lastLines(child.log(), 6)}`);
      const ranWell = performance.now() - since > WELL_MS;
      delay = await revive(name, environment, ranWell ? FIRST_DELAY_MS : delay);
    }
  };

  return {
    start: async (name, environment) => {
      await launch(name, environment);
      const keeping = keep(name, environment).catch((error: unknown) => {
        if (!stopping.signal.aborted) out(`${name}: ${explain(error)}`);
      });
      kept.push(keeping);
    },
    processes: () => [...children].map(([name, { pid }]) => ({ name, pid })),
    stopAll: async () => {
      stopping.abort();
      await Promise.all([...children.values()].map((child) => child.stop("SIGTERM", STOP_MS)));
      await Promise.all(kept);
    },
  };
}
