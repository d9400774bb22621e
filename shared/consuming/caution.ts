import type { Intake } from "../broker/intake.ts";
import type { Database } from "../database/database.ts";
import { queuesWithLoneRuns } from "../jobs/lone-runs.ts";
import type { Logger } from "../log/logger.ts";
import { pause } from "../time/pause.ts";

const EVERY_MS = 5_000;
/** Each death of a process counts as a return for all that it had in hand, and a hundred returns end a message. */
const CAREFUL_PREFETCH = 10;

/** Takes few deliveries of a queue in hand while some job of it may kill its process, so that the others are spared. */
export class Caution {
  readonly #intakes: ReadonlyMap<string, Intake>;
  readonly #db: Database;
  readonly #log: Logger;

  constructor(intakes: ReadonlyMap<string, Intake>, db: Database, log: Logger) {
    this.#intakes = intakes;
    this.#db = db;
    this.#log = log;
  }

  /** Looks once; a look that fails changes nothing. */
  async look(): Promise<void> {
    try {
      const careful = await queuesWithLoneRuns(this.#db, [...this.#intakes.keys()]);
      for (const [queue, intake] of this.#intakes)
        intake.limit("crashes", careful.has(queue) ? CAREFUL_PREFETCH : undefined);
    } catch (error) {
      this.#log.warn({ err: error }, "could not see whether jobs have killed their consumers");
    }
  }

  /** Looks every 5 s. */
  async keep(end: AbortSignal): Promise<void> {
    for (await pause(EVERY_MS, end); !end.aborted; await pause(EVERY_MS, end)) await this.look();
  }
}
