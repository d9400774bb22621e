import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Logger } from "../log/logger.ts";
import { endWhenSilent } from "./end-silent.ts";
import type { DulyTables } from "./tables.ts";

/** Connections to PostgreSQL with Kysely's typed SQL on top. */
export type Database = Kysely<DulyTables>;

export interface DatabaseOptions {
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly name: string;
  /** Most connections at once; they open when first needed. */
  readonly connections: number;
  readonly log: Logger;
  /** Commits do not wait for the disk: only for what may safely be lost and done again. @default false */
  readonly forgetful?: boolean;
  /**
   * PostgreSQL ends a transaction that is idle for longer: a process that was stopped in the middle of one would keep
   * its locks for ever. @default never
   */
  readonly longestIdleMs?: number;
}

/**
 * Opens a pool; nothing connects before the first query.
 *
 * A connection that breaks, idle or in use, is logged and replaced; it never ends the process. One whose query got lost
 * on the way counts as broken.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const settings = [
    ...(options.forgetful === true ? ["synchronous_commit=off"] : []),
    ...(options.longestIdleMs === undefined
      ? []
      : [`idle_in_transaction_session_timeout=${options.longestIdleMs}`]),
  ];
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.name,
    max: options.connections,
    connectionTimeoutMillis: 10_000,
    // Opening one takes longer than a job may be late.
    idleTimeoutMillis: 600_000,
    keepAlive: true,
    ...(settings.length > 0 ? { options: settings.map((setting) => `-c ${setting}`).join(" ") } : {}),
  });
  // One that breaks between two statements of a transaction has nobody else to tell; its next statement fails.
  pool.on("connect", (client) => {
    client.on("error", (error) => options.log.warn({ err: error }, "a database connection broke in use"));
    endWhenSilent(client, options.url, options.log);
  });
  pool.on("error", (error) => options.log.warn({ err: error }, "an idle database connection broke"));
  return new Kysely<DulyTables>({ dialect: new PostgresDialect({ pool }) });
}
