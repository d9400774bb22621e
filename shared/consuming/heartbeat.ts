import { hostname } from "node:os";
import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import { HEARTBEAT_MS, SILENT } from "../jobs/silence.ts";
import type { Logger } from "../log/logger.ts";
import { pause } from "../time/pause.ts";
import type { Hand } from "./hand.ts";

export interface HeartbeatOptions {
  readonly instance: string;
  readonly service: string;
  readonly hand: Hand;
  readonly db: Database;
  readonly log: Logger;
}

/** Says once that this process is at work, and on which jobs. */
export async function beat({ instance, service, hand, db }: HeartbeatOptions): Promise<void> {
  await sql`
    insert into duly.consumers (instance, service, host, pid, started_at, seen_at, in_hand)
    values (${instance}, ${service}, ${hostname()}, ${process.pid}, duly.now(), duly.now(), ${hand.ids()}::uuid[])
    on conflict (instance) do update set seen_at = excluded.seen_at, in_hand = excluded.in_hand
  `.execute(db);
}

/** Beats until `end`; a missed beat is logged and the next one tries again. */
export async function keepBeating(options: HeartbeatOptions, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await pause(HEARTBEAT_MS, end);
    if (end.aborted) break;
    await beat(options).catch((error: unknown) =>
      options.log.warn({ err: error }, "a heartbeat could not be written"),
    );
  }
}

/** Signs off: whatever is still held is another's to take over at once. */
export async function signOff({ instance, db }: HeartbeatOptions): Promise<void> {
  await sql`delete from duly.consumers where instance = ${instance}`.execute(db);
}

/** Whether the process that holds a job still shows signs of life. */
export async function isAlive(db: Database, instance: string): Promise<boolean> {
  const seen = await sql`
    select from duly.consumers
    where instance = ${instance} and seen_at > duly.now() - ${SILENT}
  `.execute(db);
  return seen.rows.length > 0;
}
