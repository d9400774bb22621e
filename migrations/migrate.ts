import { type Migration, Migrator, NO_MIGRATIONS } from "kysely/migration";
import { openDatabase } from "#shared/database/database.ts";
import { asError } from "#shared/errors/as-error.ts";
import type { Logger } from "#shared/log/logger.ts";
import * as jobs from "./0001_jobs.ts";
import * as outbox from "./0002_outbox.ts";
import * as events from "./0003_events.ts";
import * as deadLetters from "./0004_dead_letters.ts";
import * as consuming from "./0005_consuming.ts";
import * as enqueue from "./0006_enqueue.ts";
import * as payments from "./0010_payments.ts";
import * as notifications from "./0011_notifications.ts";
import * as messages from "./0012_messages.ts";
import * as reports from "./0013_reports.ts";
import * as keys from "./0014_keys.ts";
import * as keysCancel from "./0014_keys_cancel.ts";
import * as keysEnqueue from "./0014_keys_enqueue.ts";
import * as keysEnqueueMany from "./0014_keys_enqueue_many.ts";
import * as gates from "./0015_gates.ts";
import * as incarnation from "./0016_incarnation.ts";
import * as crashes from "./0017_crashes.ts";
import * as cards from "./0018_cards.ts";
import * as places from "./0019_places.ts";

/** Every migration by name; the order of the names is the order in which they run. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001_jobs": jobs,
  "0002_outbox": outbox,
  "0003_events": events,
  "0004_dead_letters": deadLetters,
  "0005_consuming": consuming,
  "0006_enqueue": enqueue,
  "0010_payments": payments,
  "0011_notifications": notifications,
  "0012_messages": messages,
  "0013_reports": reports,
  "0014_keys": keys,
  "0014_keys_cancel": keysCancel,
  "0014_keys_enqueue": keysEnqueue,
  "0014_keys_enqueue_many": keysEnqueueMany,
  "0015_gates": gates,
  "0016_incarnation": incarnation,
  "0017_crashes": crashes,
  "0018_cards": cards,
  "0019_places": places,
};

/** Which way to go: up to the newest, or down below the first. */
export type Direction = "up" | "down";

/**
 * Brings the schema up, or takes all of it down; runs under a lock, so several at once do no harm.
 *
 * @returns the names of the migrations that ran.
 * @throws the error of the migration that failed; those before it have stayed.
 */
export async function migrate(databaseUrl: string, direction: Direction, log: Logger): Promise<string[]> {
  const db = openDatabase({ url: databaseUrl, name: "duly migrate", connections: 2, log });
  try {
    const migrator = new Migrator({
      db,
      provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
      migrationTableName: "duly_migrations",
      migrationLockTableName: "duly_migrations_lock",
    });
    const outcome = await (direction === "up"
      ? migrator.migrateToLatest()
      : migrator.migrateTo(NO_MIGRATIONS));
    if (outcome.error !== undefined) throw asError(outcome.error);
    return (outcome.results ?? []).map((result) => result.migrationName);
  } finally {
    await db.destroy();
  }
}
