import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, inject } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import type { JobDefinition } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { createLogger } from "#shared/log/logger.ts";
import { createMigrated } from "./migrated-database.ts";

/** A migrated database of one test file's own, dropped after its last test. */
export interface ServiceDatabase {
  readonly db: Database;
  readonly url: string;
  /** Opens a further pool on it, closed after the last test. */
  readonly open: (connections: number) => Database;
}

/** Makes the database and registers the job types that a service would register as it starts. */
export async function serviceDatabase(
  service: string,
  definitions: readonly JobDefinition[],
): Promise<ServiceDatabase> {
  const log = createLogger("test", "fatal");
  const server = openDatabase({ url: inject("databaseUrl"), name: "duly test", connections: 1, log });
  const name = `${service}_${randomUUID().replaceAll("-", "")}`;
  const url = await createMigrated(server, name);

  const pools: Database[] = [];
  const open = (connections: number) => {
    const pool = openDatabase({ url, name: "duly test", connections, log });
    pools.push(pool);
    return pool;
  };
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.destroy()));
    // Without "force": a connection that a test left open fails it here.
    await sql`drop database ${sql.id(name)}`.execute(server);
    await server.destroy();
  });

  const db = open(5);
  await register(db, service, definitions, []);
  return { db, url, open };
}
