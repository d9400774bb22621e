import { appendFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { startChild, untilReady } from "../processes/child.ts";
import type { OnProgress } from "../progress.ts";
import { createCluster, findPostgresPrograms } from "./postgres-cluster.ts";
import { choosePostgresUser } from "./postgres-user.ts";

/** A PostgreSQL of our own. */
export interface PostgresServer {
  /** URL of the database `duly`, with its superuser. */
  readonly url: string;
  /** Its process on this machine; none in a container or elsewhere. */
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
}

/** How PostgreSQL is started. */
export interface PostgresOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly password: string;
  readonly onProgress: OnProgress;
  /** Marks the process; the folder above the data unless given. */
  readonly stackDir?: string;
  readonly logFile?: string;
  /** The data is thrown away afterwards, so it need not outlive the machine: nothing waits for its disk. */
  readonly disposable?: boolean;
}

/** Starts PostgreSQL on 127.0.0.1 with its data in `dataDir`, which outlives it; resolves when it takes connections. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { dataDir, port, password, onProgress, stackDir = dirname(dataDir) } = options;
  const programs = await findPostgresPrograms();
  const user = await choosePostgresUser(dataDir, [dirname(programs.postgres), dirname(dataDir)]);
  if (!existsSync(join(dataDir, "PG_VERSION"))) {
    onProgress("making its data folder");
    await createCluster(programs, dataDir, password, user);
    // Not on the command line, which would have the last word: who measures turns it on again.
    if (options.disposable === true)
      appendFileSync(join(dataDir, "postgresql.conf"), "fsync = off\nfull_page_writes = off\n");
  }
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    max_connections: 300,
    unix_socket_directories: "",
    timezone: "UTC",
    log_timezone: "UTC",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [program = programs.postgres, ...args] = [
    ...(user?.prefix ?? []),
    programs.postgres,
    "-D",
    dataDir,
    ...flags,
  ];
  const child = await startChild({
    name: "postgres",
    program,
    args,
    env: { ...process.env, LC_ALL: "C" },
    logFile: options.logFile ?? join(stackDir, "logs", "postgres.log"),
    stackDir,
    cwd: "/",
  });
  // SIGINT is PostgreSQL's fast shutdown: it lets its clients go and writes everything down.
  const stop = () => child.stop("SIGINT", 20_000);
  try {
    await untilReady(child, () => child.log().includes("ready to accept connections"), 60_000);
    const url = `postgres://duly:${encodeURIComponent(password)}@127.0.0.1:${port}/duly`;
    return { url, pid: child.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
