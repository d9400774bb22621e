import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Logger } from "../log/logger.ts";
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
}

/**
 * Opens a pool; nothing connects before the first query.
 *
 * A connection that breaks, idle or in use, is logged and replaced; it never ends the process.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.name,
    max: options.connections,
    connectionTimeoutMillis: 10_000,
    // Opening one takes longer than a job may be late.
    idleTimeoutMillis: 600_000,
    keepAlive: true,
    ...(options.forgetful === true ? { options: "-c synchronous_commit=off" } : {}),
  });
  // One that breaks between two statements of a transaction has nobody else to tell; its next statement fails.
  pool.on("connect", (client) => {
    client.on("error", (error) => options.log.warn({ err: error }, "a database connection broke in use"));
  });
  pool.on("error", (error) => options.log.warn({ err: error }, "an idle database connection broke"));
  return new Kysely<DulyTables>({ dialect: new PostgresDialect({ pool }) });
}
