import { randomUUID } from "node:crypto";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import { promote } from "#shared/jobs/promote.ts";
import type { Logger } from "#shared/log/logger.ts";
import { fallAsleep, wakeUp } from "#shared/outbox/fall-asleep.ts";
import type { Bell } from "#shared/time/bell.ts";
import { growingDelay } from "#shared/time/growing-delay.ts";
import { pause } from "#shared/time/pause.ts";

export interface PromoteLoopOptions {
  readonly db: Database;
  /** Rung when a line may move on. */
  readonly bell: Bell;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

const LOOP = "promoter";
/** Signals of one step, each line of which costs a lock of the server's shared table. */
const WINDOW = 200;
const BACKSTOP_MS = 250;
/** Written down again this often, or it counts as dead in its sleep. */
const REFRESH_MS = 20_000;
/** As many looks in a row that found something, and nobody needs to ring any more. */
const BUSY_AFTER = 3;

/**
 * The promoter: makes the head of each line `queued` once the line has no active job.
 *
 * It sleeps as the relay does: written down before its last look, rung after that, and looking by itself for what was
 * committed in between, soon and then ever less often, up to every 250 ms.
 */
export async function promoteLoop({ db, bell, log, stop }: PromoteLoopOptions): Promise<void> {
  const instance = randomUUID();
  let failures = 0;
  let busy = 0;
  let quiet = 0;
  let writtenAt = Number.NEGATIVE_INFINITY;
  while (!stop.aborted) {
    try {
      const done = await look(db);
      if (done > 0) crashPoint("scheduler.promoted");
      failures = 0;
      if (done > 0) {
        busy += 1;
        quiet = 0;
        if (busy === BUSY_AFTER) {
          await wakeUp(db, instance, LOOP);
          writtenAt = Number.NEGATIVE_INFINITY;
        }
        continue;
      }
      busy = 0;
      if (Date.now() - writtenAt > REFRESH_MS) {
        await fallAsleep(db, instance, LOOP, []);
        writtenAt = Date.now();
        continue; // the last look
      }
      const rang = await bell.wait(Math.min(BACKSTOP_MS, 5 * 2 ** Math.min(quiet, 10)), stop);
      quiet = rang ? 0 : quiet + 1;
    } catch (error) {
      failures += 1;
      writtenAt = Number.NEGATIVE_INFINITY;
      log.warn({ err: error }, "lines could not move on; trying again");
      await pause(growingDelay(failures, 50, 2_000), stop);
    }
  }
  await wakeUp(db, instance, LOOP).catch((error: unknown) =>
    log.warn({ err: error }, "could not be struck out of the sleepers; forgotten soon"),
  );
}

// Two statements of which the second sees more than the first: a stricter isolation would hide that from it.
async function look(db: Database): Promise<number> {
  const transaction = db.transaction().setIsolationLevel("read committed");
  return transaction.execute((trx) => promote(trx, WINDOW));
}
