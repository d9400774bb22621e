import { type QueryExecutorProvider, sql } from "kysely";
import type { Lane } from "./lanes.ts";

/** Writes down that a relay's loop sleeps, so that the next job in one of its lanes notifies it. */
export async function fallAsleep(
  db: QueryExecutorProvider,
  instance: string,
  loop: string,
  lanes: readonly Lane[],
): Promise<void> {
  await sql`
    insert into duly.sleepers (instance, loop, lanes, sleeps_until, since)
    values (${instance}, ${loop}, ${lanes}::duly.lane[], 'infinity', duly.now())
    on conflict (instance, loop) do update set sleeps_until = excluded.sleeps_until, since = excluded.since
  `.execute(db);
}

/** Strikes the loop out again: whoever adds work need not notify it. */
export async function wakeUp(db: QueryExecutorProvider, instance: string, loop: string): Promise<void> {
  await sql`delete from duly.sleepers where instance = ${instance} and loop = ${loop}`.execute(db);
}

/** Strikes out the loops of processes that died in their sleep more than a minute ago. */
export async function forgetDeadSleepers(db: QueryExecutorProvider): Promise<void> {
  await sql`delete from duly.sleepers where since < duly.now() - interval '1 minute'`.execute(db);
}
