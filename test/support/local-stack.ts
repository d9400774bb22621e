import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { inject } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";
import type { Ports } from "../../services/local/stack/ports.ts";
import type { Stack } from "../../services/local/stack/stack.ts";
import { eventually } from "./eventually.ts";
import { findFreePortRow } from "./free-port-row.ts";
import { type Finished, runFile } from "./run-file.ts";
import { type RunningProcess, runFolder, startProcess } from "./service-process.ts";
import { makeVirtualHost } from "./virtual-host.ts";

/** The servers that a stack is given; only it uses this database and this virtual host. */
export interface GivenServers {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly rabbitmqUrl: string;
}

/** `npm start -- --no-demo` in a folder and on ports of its own. */
export interface LocalStack {
  readonly folder: string;
  readonly ports: Ports;
  /** The environment that the stack itself is started in. */
  readonly env: Readonly<Record<string, string>>;
  /** A pool on its database, which lives as long as this object. */
  readonly db: Database;
  /** Starts it and resolves when it is up; does nothing while it runs. `file` as another way in, start.mjs. */
  readonly start: (file?: string, ...args: string[]) => Promise<RunningProcess>;
  /** What stack.json says now. */
  readonly read: () => Stack;
  readonly pidOf: (name: string) => number;
  /** Kills one of its processes with SIGKILL; returns the id that it had. */
  readonly kill: (name: string) => number;
  /** Waits until the stack has put another process in the place of the one with this id. */
  readonly isBack: (name: string, deadPid: number) => Promise<void>;
  /** Runs a command of Duly's command line against it. */
  readonly duly: (...args: string[]) => Promise<Finished>;
  /** Leaves no process and no file. */
  readonly remove: () => Promise<void>;
}

const MAIN = "services/local/main.ts";
const STACK_STARTS_MS = 60_000;

/** Makes a stack that is not started yet. */
export async function makeStack(servers: GivenServers): Promise<LocalStack> {
  const folder = join(runFolder, `stack-${randomUUID().slice(0, 8)}`);
  mkdirSync(folder, { recursive: true });
  const { first, ports } = await findFreePortRow();
  const env = {
    DULY_DIR: folder,
    DULY_PORTS_FROM: String(first),
    DATABASE_URL: servers.databaseUrl,
    AMQP_URL: servers.amqpUrl,
    RABBITMQ_URL: servers.rabbitmqUrl,
  };
  const log = createLogger("test", "silent");
  const db = openDatabase({ url: servers.databaseUrl, name: "duly test", connections: 3, log });
  let current: RunningProcess | undefined;

  const read = () => JSON.parse(readFileSync(join(folder, "stack.json"), "utf8")) as Stack;
  const pidOf = (name: string) => {
    const found = read().processes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`stack.json names no process ${name}`);
    return found.pid;
  };
  return {
    folder,
    ports,
    env,
    db,
    read,
    pidOf,
    start: async (file = MAIN, ...args) => {
      if (current !== undefined) return current;
      const started = startProcess({ file, args: [...args, "--no-demo"], env });
      current = started;
      const forget = () => (current = undefined);
      started.ended.then(forget, forget);
      await started.says("Ctrl-C drains and stops everything.", STACK_STARTS_MS);
      return started;
    },
    kill: (name) => {
      const pid = pidOf(name);
      process.kill(pid, "SIGKILL");
      return pid;
    },
    isBack: async (name, deadPid) => {
      await eventually(`${name} to be back`, async () => pidOf(name) !== deadPid, 30_000);
    },
    duly: (...args) => runFile("services/cli/main.ts", args, read().environment),
    remove: async () => {
      current?.signal("SIGTERM");
      await current?.ended;
      await endLeftovers(folder, 0);
      await db.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A stack on a database and a virtual host of its own, on the servers of this run of tests. */
export async function makeStackOnTestServers(): Promise<LocalStack> {
  const server = openDatabase({
    url: inject("databaseUrl"),
    name: "duly test",
    connections: 1,
    log: createLogger("test", "silent"),
  });
  const name = `stack_${randomUUID().replaceAll("-", "")}`;
  await sql`create database ${sql.id(name)}`.execute(server);
  const broker = await makeVirtualHost();
  const address = new URL(inject("databaseUrl"));
  address.pathname = `/${name}`;
  const stack = await makeStack({
    databaseUrl: address.href,
    amqpUrl: broker.url,
    rabbitmqUrl: inject("rabbitmqUrl"),
  });
  return {
    ...stack,
    remove: async () => {
      await stack.remove();
      await broker.remove();
      await sql`drop database ${sql.id(name)} with (force)`.execute(server);
      await server.destroy();
    },
  };
}
