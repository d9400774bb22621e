import { sql } from "kysely";
import type { Database } from "#shared/database/database.ts";

/** The engine's clock of one database, for all its sessions at once. */
export interface Clock {
  /** Moves it ahead, and has everybody look who sleeps until some time. */
  readonly advance: (ms: number) => Promise<void>;
}

/** Takes the engine's clock of a test's own database in hand: an hour passes without waiting for it. */
export async function takeClock(db: Database): Promise<Clock> {
  await sql`create table public.clock (ahead interval not null)`.execute(db);
  await sql`insert into public.clock values ('0')`.execute(db);
  await sql`
    create or replace function duly.now() returns timestamptz language sql stable as
      'select clock_timestamp() + (select ahead from public.clock)'`.execute(db);
  const advance = async (ms: number) => {
    // Whoever lives has shown signs of life meanwhile, too, or it would be taken for dead until its next beat.
    await sql`
      with moved as (update public.clock set ahead = ahead + ${ms} * interval '1 ms')
      update duly.consumers set seen_at = seen_at + ${ms} * interval '1 ms'`.execute(db);
    await sql`select pg_notify('duly_scheduler', ''), pg_notify('duly_gates', '')`.execute(db);
  };
  return { advance };
}
