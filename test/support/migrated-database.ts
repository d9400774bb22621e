import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { inject } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { migrate } from "../../migrations/migrate.ts";

/** A database that is migrated once in a run, and copied for each file that needs one. */
export interface Template {
  readonly name: string;
  readonly drop: () => Promise<void>;
}

/** Makes the template on the server of a run. */
export async function makeTemplate(serverUrl: string): Promise<Template> {
  const log = createLogger("test", "fatal");
  const name = `template_${randomUUID().replaceAll("-", "")}`;
  const server = openDatabase({ url: serverUrl, name: "duly test", connections: 1, log });
  await sql`create database ${sql.id(name)}`.execute(server);
  await migrate(addressOf(serverUrl, name), "up", log);
  const drop = async () => {
    await sql`drop database ${sql.id(name)}`.execute(server);
    await server.destroy();
  };
  return { name, drop };
}

/** Makes a migrated database of this name; `server` is where tests make theirs. @returns its address. */
export async function createMigrated(server: Database, name: string): Promise<string> {
  const template = sql.id(inject("templateDatabase"));
  // Where nothing waits for the disk, copying the files costs less than writing each page to the log.
  await sql`create database ${sql.id(name)} template ${template} strategy file_copy`.execute(server);
  return addressOf(inject("databaseUrl"), name);
}

function addressOf(serverUrl: string, name: string): string {
  const address = new URL(serverUrl);
  address.pathname = `/${name}`;
  return address.href;
}
