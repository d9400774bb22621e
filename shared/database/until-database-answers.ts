import type { Logger } from "../log/logger.ts";
import { growingDelay } from "../time/growing-delay.ts";
import { pause } from "../time/pause.ts";
import { isDatabaseFault } from "./database-fault.ts";

/** This process gives up waiting because it stops; nothing is acked, so the delivery comes again elsewhere. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * Runs a transaction again while PostgreSQL itself is in trouble: gone, restarting, a deadlock, an unknown COMMIT.
 *
 * No attempt of any job is to blame, and the fence drops what had committed after all.
 *
 * @throws Interrupted when `giveUp` is aborted meanwhile; every other error as it is.
 */
export async function untilDatabaseAnswers<T>(
  run: () => Promise<T>,
  giveUp: AbortSignal,
  log: Logger,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await run();
    } catch (error) {
      if (!isDatabaseFault(error)) throw error;
      if (giveUp.aborted) throw new Interrupted("stopped while PostgreSQL did not answer", { cause: error });
      log.warn({ err: error }, "PostgreSQL does not answer; taking no new work and trying again");
      await pause(growingDelay(failures, 50, 2_000), giveUp);
    }
  }
}
