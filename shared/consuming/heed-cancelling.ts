import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import { listen } from "../database/listen.ts";
import type { Logger } from "../log/logger.ts";
import type { Hand } from "./hand.ts";

interface HeedOptions {
  readonly service: string;
  readonly hand: Hand;
  readonly db: Database;
  readonly url: string;
  readonly log: Logger;
}

/**
 * Calls off what this process has in hand as soon as somebody asks for its end, until `close`.
 *
 * A request that is not heard costs nothing but time: it stands in the job's row, and settling the run finds it there.
 */
export function heedCancelling({ service, hand, db, url, log }: HeedOptions): { close: () => Promise<void> } {
  const end = new AbortController();
  const lookAgain = async () => {
    const asked = await sql<{ id: string }>`
      select id from duly.jobs where id = any(${hand.ids()}::uuid[]) and cancel_requested and state = 'running'
    `.execute(db);
    for (const { id } of asked.rows) hand.callOff(id);
  };
  const listening = listen({
    url,
    name: `duly ${service} cancelling`,
    channels: ["duly_cancel"],
    log,
    signal: end.signal,
    onNotify: (channel, jobId) => {
      if (channel !== undefined) return hand.callOff(jobId);
      lookAgain().catch((error: unknown) =>
        log.warn({ err: error }, "could not see what was cancelled meanwhile; its runs go on to their end"),
      );
    },
  });
  const close = async () => {
    end.abort();
    await listening;
  };
  return { close };
}
