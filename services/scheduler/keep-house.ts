import { sql } from "kysely";
import { crashPoint } from "#shared/config/crash-point.ts";
import { signalLines } from "#shared/jobs/signal-lines.ts";
import { forgetDeadSleepers } from "#shared/outbox/fall-asleep.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { pause } from "#shared/time/pause.ts";
import type { SchedulerConfig } from "./config.ts";
import { Sweep } from "./sweep.ts";

const EVERY_MS = 10_000;
const PAGE = 1_000;
const PAGES_AT_ONCE = 20;
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Everything that has to be done now and then, on any of the schedulers; each step is harmless when two do it. */
export async function keepHouse(service: ServiceContext<SchedulerConfig>): Promise<void> {
  const { db, stop } = service;
  const sweep = new Sweep(db, service.log);
  let walkedTo = NO_ID;
  let lookedTo = "";
  const steps: readonly (() => Promise<unknown>)[] = [
    () => sweep.orphans(),
    () => sweep.stragglers(),
    () => forgetDeadSleepers(db),
    () => sql`select duly.make_partitions()`.execute(db),
    () => dropOldEvents(service),
    () => sql`delete from duly.repairs where made_at < duly.now() - interval '30 days'`.execute(db),
    () => sql`delete from duly.event_resends where done_at < duly.now() - interval '30 days'`.execute(db),
    () => sql`delete from duly.consumers where seen_at < duly.now() - interval '1 hour'`.execute(db),
    async () => {
      walkedTo = await archive(service, walkedTo);
    },
    async () => {
      lookedTo = await lookAtLines(service, lookedTo);
    },
  ];
  for (; !stop.aborted; await pause(EVERY_MS, stop)) {
    for (const step of steps) {
      await step().catch((error: unknown) =>
        service.log.warn({ err: error }, "a step of house-keeping could not be done; trying again"),
      );
    }
  }
}

// This, the archive and telling events again are one statement each, never a transaction that waits for this process: one
// that is stopped in the middle of it would keep its locks, and all other schedulers waiting.
async function dropOldEvents({ db }: ServiceContext<SchedulerConfig>): Promise<void> {
  const { rows } = await sql<{ days: number }>`select duly.drop_old_events() as days`.execute(db);
  if ((rows[0]?.days ?? 0) > 0) crashPoint("scheduler.partition-dropped");
}

// Walks up the lines and begins again at the end.
async function lookAtLines({ db, stop }: ServiceContext<SchedulerConfig>, from: string): Promise<string> {
  let above = from;
  for (let page = 0; page < PAGES_AT_ONCE && !stop.aborted; page += 1) {
    const last = await signalLines(db, above, PAGE);
    if (last === undefined) return "";
    above = last;
  }
  return above;
}

// Walks up the ids and begins again at the end; goes on without a pause only as long as there is something to move.
async function archive({ db, config, stop }: ServiceContext<SchedulerConfig>, from: string): Promise<string> {
  let above = from;
  for (let idle = 0; idle < PAGES_AT_ONCE && !stop.aborted; ) {
    const result = await sql<{ last: string | null; seen: number; moved: number }>`
      select last, seen, moved from duly.archive_finished(${above}::uuid, ${config.KEEP_FINISHED}::interval, ${PAGE})
    `.execute(db);
    const row = result.rows[0];
    if (row !== undefined && row.moved > 0) crashPoint("scheduler.archived");
    if (row === undefined || row.last === null || row.seen < PAGE) return NO_ID;
    above = row.last;
    idle = row.moved > 0 ? 0 : idle + 1;
  }
  return above;
}
