import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { sql } from "kysely";
import { afterAll, beforeAll, inject } from "vitest";
import { openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";

/** The tests' own PostgreSQL waits for its disk while this file's tests run, as in operation: for what measures times. */
export function useWaitForDisk(): void {
  const log = createLogger("test", "fatal");
  const server = openDatabase({ url: inject("databaseUrl"), name: "duly test", connections: 1, log });
  let changed = false;
  beforeAll(async () => {
    const { rows } = await sql<{ fsync: string }>`show fsync`.execute(server);
    // One that was given to the tests waits already, and its settings are not theirs.
    if (rows[0]?.fsync === "on") return;
    changed = true;
    await sql`alter system set fsync = on`.execute(server);
    await sql`alter system set full_page_writes = on`.execute(server);
    await sql`select pg_reload_conf()`.execute(server);
    // What the tests before have written without waiting would go first.
    await promisify(execFile)("sync");
  });
  afterAll(async () => {
    if (changed) {
      await sql`alter system reset all`.execute(server);
      await sql`select pg_reload_conf()`.execute(server);
    }
    await server.destroy();
  });
}
