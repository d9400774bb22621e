import { mkdirSync } from "node:fs";
import { sql } from "kysely";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { migrate } from "../../../migrations/migrate.ts";
import { administer, type BrokerAdmin } from "./broker-admin.ts";
import { KeptProcess, type UnexpectedExit } from "./kept-process.ts";
import { startLineKeeper } from "./line-keeper.ts";
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

/** Where a link of the laboratory's own processes leads; only consumers have one to the provider. */
export type Far = Server | "provider";

/** Processes of one file: how many, and what they read from the environment beside what all do. */
export interface Cast {
  readonly name: string;
  readonly file: string;
  readonly instances: number;
  readonly env: Readonly<Record<string, string>>;
}

/** The real processes on real servers, everything between them under the laboratory's hand. */
export interface World {
  readonly servers: LabServers;
  readonly broker: BrokerAdmin;
  /** Straight to PostgreSQL, past every link. */
  readonly db: Database;
  readonly databaseName: string;
  /** Ends every connection to it but the laboratory's own. */
  readonly endBackends: () => Promise<void>;
  readonly provider: Provider;
  readonly processes: Readonly<Record<Role, readonly KeptProcess[]>>;
  /** The way from the processes of a role, or of a cast that joined, to a server; or from the consumers to the provider. */
  readonly link: (of: string, to: Far) => Link;
  /** For data and logs. */
  readonly folder: string;
  /** Straight to PostgreSQL, as `db`. */
  readonly databaseUrl: string;
  /** Starts processes beside those that are always there, over links of their own; whoever joins them stops them. */
  readonly join: (cast: Cast) => Promise<readonly KeptProcess[]>;
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
  const lineKeeper = startLineKeeper(db);
  const provider = await startProvider(randomOf(seed, "provider"));
  const toProvider = await layLink("consumer to its provider", provider.url);

  const unexpected: UnexpectedExit[] = [];
  const links = new Map<string, Link>([["consumer provider", toProvider]]);
  /** Of processes that have gone again, too. */
  const laid: Link[] = [];
  const join = async ({ name, file, instances, env }: Cast) => {
    const database = await layLink(`${name} to PostgreSQL`, address.href);
    const rabbit = await layLink(`${name} to RabbitMQ`, broker.url);
    laid.push(database, rabbit);
    links.set(`${name} postgres`, database).set(`${name} rabbitmq`, rabbit);
    const common = { DATABASE_URL: database.url, AMQP_URL: rabbit.url, LOG_LEVEL: "warn", STOP_GRACE_MS };
    const kept = Array.from({ length: instances }, (_, index) => {
      const program = { name: `${name}-${index + 1}`, file, env: { ...common, ...env }, folder };
      return new KeptProcess(program, end, (exit) => unexpected.push(exit));
    });
    for (const each of kept) each.start();
    return kept;
  };
  const processes = {} as Record<Role, readonly KeptProcess[]>;
  const env = {
    PROVIDER_URL: new URL(toProvider.url).origin,
    REFUSING_URL: provider.doors.refusing.url,
    FAILING_URL: provider.doors.failing.url,
  };
  for (const role of ROLE_NAMES) processes[role] = await join({ name: role, env, ...ROLES[role] });
  const all = () => Object.values(processes).flat();

  const stopProcesses = async () => {
    await Promise.all(all().map((each) => each.stop()));
  };
  return {
    servers,
    broker,
    db,
    databaseName: DATABASE,
    endBackends: async () => {
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = ${DATABASE} and application_name <> 'faults'`.execute(db);
    },
    provider,
    processes,
    unexpected,
    folder,
    databaseUrl: address.href,
    join,
    link: (of, to) => {
      const found = links.get(`${of} ${to}`);
      if (found === undefined) throw new Error(`there is no link from ${of} to ${to}`);
      return found;
    },
    deliveries: () => laid.reduce((sum, link) => sum + link.deliveries(), 0),
    isUp: async (timeoutMs) => {
      const ready = await Promise.all(all().map((each) => each.isReady(timeoutMs)));
      const late = all().filter((_, index) => ready[index] !== true);
      if (late.length > 0)
        throw new Error(`not up in ${timeoutMs} ms: ${late.map(({ name }) => name).join(", ")}`);
    },
    stopProcesses,
    stop: async () => {
      await stopProcesses();
      await Promise.all([...laid, toProvider].map((link) => link.close()));
      await provider.stop();
      await lineKeeper.stop();
      await db.destroy();
      await servers.stop();
    },
  };
}
