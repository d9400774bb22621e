import { mkdirSync } from "node:fs";
import { sql } from "kysely";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { migrate } from "../../../migrations/migrate.ts";
import { administer, type BrokerAdmin } from "./broker-admin.ts";
import { KeptProcess, type UnexpectedExit } from "./kept-process.ts";
import { type Link, layLink } from "./link.ts";
import { makeNotebook } from "./notebook.ts";
import { type Provider, startProvider } from "./provider.ts";
import { randomOf } from "./random.ts";
import { type LabServers, startLabServers } from "./servers.ts";

/** What runs in the laboratory, how many of each, and by which file. */
const ROLES = {
  relay: { file: "services/relay/main.ts", instances: 2 },
  scheduler: { file: "services/scheduler/main.ts", instances: 3 },
  recorder: { file: "services/dead-letters/main.ts", instances: 1 },
  consumer: { file: "test/faults/service/main.ts", instances: 2 },
} as const;
export type Role = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as Role[];

export type Server = "postgres" | "rabbitmq";

/** The real processes on real servers, everything between them under the laboratory's hand. */
export interface World {
  readonly servers: LabServers;
  readonly broker: BrokerAdmin;
  /** Straight to PostgreSQL, past every link. */
  readonly db: Database;
  readonly databaseName: string;
  readonly provider: Provider;
  readonly processes: Readonly<Record<Role, readonly KeptProcess[]>>;
  readonly link: (role: Role, server: Server) => Link;
  readonly deliveries: () => number;
  /** Processes that ended by themselves so far. */
  readonly unexpected: readonly UnexpectedExit[];
  /** Resolves when every process is up. */
  readonly isUp: (timeoutMs: number) => Promise<void>;
  readonly stopProcesses: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const DATABASE = "laboratory";
const VIRTUAL_HOST = "laboratory";
/** Below the default, so that a rolling restart takes seconds. */
const STOP_GRACE_MS = "5000";

/** Starts servers and processes with their data and logs in `folder`. */
export async function startWorld(folder: string, seed: number, end: AbortSignal): Promise<World> {
  mkdirSync(folder, { recursive: true });
  const servers = await startLabServers(folder);
  const log = createLogger("faults", "fatal");
  const root = openDatabase({ url: servers.postgresUrl, name: "faults", connections: 1, log });
  await sql`create database ${sql.id(DATABASE)}`.execute(root);
  await root.destroy();
  const address = new URL(servers.postgresUrl);
  address.pathname = `/${DATABASE}`;
  await migrate(address.href, "up", log);
  const db = openDatabase({ url: address.href, name: "faults", connections: 8, log });
  await makeNotebook(db);
  const broker = administer(servers.rabbit, VIRTUAL_HOST);
  await broker.make();
  const provider = await startProvider(randomOf(seed, "provider"));

  const unexpected: UnexpectedExit[] = [];
  const links = new Map<string, Link>();
  const processes = {} as Record<Role, KeptProcess[]>;
  for (const role of ROLE_NAMES) {
    const database = await layLink(`${role} to PostgreSQL`, address.href);
    const rabbit = await layLink(`${role} to RabbitMQ`, broker.url);
    links.set(`${role} postgres`, database).set(`${role} rabbitmq`, rabbit);
    const env = {
      DATABASE_URL: database.url,
      AMQP_URL: rabbit.url,
      PROVIDER_URL: provider.url,
      LOG_LEVEL: "warn",
      STOP_GRACE_MS,
    };
    const { file, instances } = ROLES[role];
    processes[role] = Array.from({ length: instances }, (_, index) => {
      const program = { name: `${role}-${index + 1}`, file, env, folder };
      return new KeptProcess(program, end, (exit) => unexpected.push(exit));
    });
  }
  const all = () => Object.values(processes).flat();
  for (const each of all()) each.start();

  const stopProcesses = async () => {
    await Promise.all(all().map((each) => each.stop()));
  };
  return {
    servers,
    broker,
    db,
    databaseName: DATABASE,
    provider,
    processes,
    unexpected,
    link: (role, server) => {
      const found = links.get(`${role} ${server}`);
      if (found === undefined) throw new Error(`there is no link from ${role} to ${server}`);
      return found;
    },
    deliveries: () => [...links.values()].reduce((sum, link) => sum + link.deliveries(), 0),
    isUp: async (timeoutMs) => {
      const ready = await Promise.all(all().map((each) => each.isReady(timeoutMs)));
      const late = all().filter((_, index) => ready[index] !== true);
      if (late.length > 0)
        throw new Error(`not up in ${timeoutMs} ms: ${late.map(({ name }) => name).join(", ")}`);
    },
    stopProcesses,
    stop: async () => {
      await stopProcesses();
      await Promise.all([...links.values()].map((link) => link.close()));
      await provider.stop();
      await db.destroy();
      await servers.stop();
    },
  };
}
