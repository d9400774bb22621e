import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { Database } from "#shared/index.ts";
import { askResend } from "#shared/jobs/ask-resend.ts";
import type { Round } from "../scenario.ts";

const EVERY_MS = 500;
/** Finished jobs that are moved to the history at a time. */
const AGED = 100;
/** Events of so long are told again, the last ones. */
const SPAN_MS = 1_000;

/**
 * Gives the schedulers something to tidy up, all the time until `end`: jobs that finished more than an hour ago, a day
 * of events that is over, and events that somebody wants told again.
 */
export async function giveHouseWork({ world: { db }, random, did }: Round, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await letHoursPass(db);
    if (await makeOldDay(db, random.between(1, 28))) did("day of events that is over");
    const until = new Date();
    await askResend(db, { type: undefined, since: new Date(until.getTime() - SPAN_MS), until });
    did("events to be told again");
    await sleep(EVERY_MS, undefined, { signal: end }).catch(() => undefined);
  }
}

// The oldest, where the archive begins to look.
async function letHoursPass(db: Database): Promise<void> {
  await sql`
    update duly.jobs set finished_at = finished_at - interval '2 hours' where id in (
      select id from duly.jobs where state in ('completed', 'cancelled') and finished_at > duly.now() - interval '1 hour'
      order by id limit ${AGED})`.execute(db);
}

/** @returns whether it was not there yet. */
async function makeOldDay(db: Database, day: number): Promise<boolean> {
  const date = `2020-01-${String(day).padStart(2, "0")}`;
  const suffix = date.replaceAll("-", "_");
  const made = await sql`
    select duly.make_partition('events', ${suffix}, duly.first_id_at(${date}::timestamptz),
      duly.first_id_at(${date}::timestamptz + interval '1 day'))
    where not exists (select from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'duly.events'::regclass and c.relname like 'events_2020%')`.execute(db);
  return made.rows.length > 0;
}
