import type { Database } from "../database/database.ts";
import { registerLimits } from "../gates/register-limits.ts";
import type { Logger } from "../log/logger.ts";
import type { Dependency } from "../resilience/dependency.ts";
import { Bell } from "../time/bell.ts";
import { Breakers } from "./breakers.ts";
import { GateWatch, keepWatching } from "./gate-watch.ts";
import type { Handler } from "./handle.ts";

export interface OpenGatesOptions {
  readonly handlers: Iterable<Handler>;
  readonly db: Database;
  readonly log: Logger;
  readonly hurry: AbortSignal;
}

/** The gates as a process knows them, until `close`. */
export interface OpenGates {
  readonly watch: GateWatch;
  readonly breakers: Breakers;
  /** Looks before the next second: somebody says that gates have changed. */
  readonly lookAgain: () => void;
  readonly close: () => Promise<void>;
}

/** Registers the limits of what the handlers use, looks at the gates once, and keeps watching them. */
export async function openGates(options: OpenGatesOptions): Promise<OpenGates> {
  const { handlers, db, log, hurry } = options;
  const dependencies = dependenciesOf(handlers);
  await registerLimits(db, dependencies);
  const watch = new GateWatch();
  await watch.look(db);
  const breakers = new Breakers({ dependencies, watch, db, log, hurry });
  const end = new AbortController();
  const bell = new Bell();
  const watching = keepWatching({ watch, bell, db, log, end: end.signal });
  const close = async () => {
    end.abort();
    breakers.end();
    await watching;
  };
  return { watch, breakers, lookAgain: () => bell.ring(), close };
}

function dependenciesOf(handlers: Iterable<Handler>): Dependency[] {
  const known = new Map<string, Dependency>();
  for (const { definition, uses = [] } of handlers) {
    for (const dependency of uses) {
      if ((known.get(dependency.name) ?? dependency) !== dependency) {
        throw new TypeError(
          `${definition.type} uses another dependency of the name "${dependency.name}": make it once and share it`,
        );
      }
      known.set(dependency.name, dependency);
    }
  }
  return [...known.values()];
}
