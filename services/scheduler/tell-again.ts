import { sql } from "kysely";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { pause } from "#shared/time/pause.ts";

const PAGE = 1_000;
/** Between looks for something to tell, and between pages. */
const IDLE_MS = 5_000;
const BUSY_MS = 100;

/**
 * Has events go out again that a lost broker had, or that somebody asked for, page by page.
 *
 * How far it has come is stored with each page, so any scheduler goes on where one ended. New events wait behind few.
 */
export async function tellAgain({ db, log, stop }: ServiceContext<unknown>): Promise<void> {
  while (!stop.aborted) {
    const told = await nextPage(db).catch((error: unknown) => {
      log.warn({ err: error }, "events could not be told again; trying again");
      return 0;
    });
    await pause(told > 0 ? BUSY_MS : IDLE_MS, stop);
  }
}

async function nextPage(db: ServiceContext<unknown>["db"]): Promise<number> {
  const result = await sql<{ told: number }>`select duly.resend_events(${PAGE}) as told`.execute(db);
  const told = result.rows[0]?.told ?? 0;
  if (told > 0) crashPoint("scheduler.told-again");
  return told;
}
