import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import { reopenForgotten } from "#shared/gates/reopen-forgotten.ts";
import { tendGates } from "#shared/gates/tend-gates.ts";
import type { Logger } from "#shared/log/logger.ts";
import type { Bell } from "#shared/time/bell.ts";
import { growingDelay } from "#shared/time/growing-delay.ts";
import { pause } from "#shared/time/pause.ts";

export interface ReleaseLoopOptions {
  readonly db: Database;
  /** Rung when a gate has changed. */
  readonly bell: Bell;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

const LOOK_EVERY_MS = 1_000;
const FORGOTTEN_EVERY_MS = 10_000;

/** Ends pauses, probes breakers and releases held jobs, each when its time has come; any number of schedulers may. */
export async function releaseLoop({ db, bell, log, stop }: ReleaseLoopOptions): Promise<void> {
  let failures = 0;
  let lookedAt = 0;
  while (!stop.aborted) {
    try {
      if (Date.now() - lookedAt >= FORGOTTEN_EVERY_MS) {
        const names = await reopenForgotten(db);
        if (names.length > 0)
          log.warn({ gates: names }, "jobs were held at gates that are open; releasing them");
        lookedAt = Date.now();
      }
      const dueInMs = (await tendGates(db)) ?? LOOK_EVERY_MS;
      crashPoint("scheduler.tended");
      failures = 0;
      // What is due and was not tended is locked by another scheduler.
      await bell.wait(Math.min(LOOK_EVERY_MS, Math.max(10, dueInMs)), stop);
    } catch (error) {
      failures += 1;
      log.warn({ err: error }, "the gates could not be tended; trying again");
      await pause(growingDelay(failures, 50, 2_000), stop);
    }
  }
}
