import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "../../../services/local/processes/run-command.ts";
import { type PostgresServer, startPostgres } from "../../../services/local/servers/postgres.ts";
import { type RabbitServer, startRabbit } from "../../../services/local/servers/rabbitmq.ts";
import { configureRabbit } from "../../../services/local/servers/rabbitmq-configure.ts";
import { findInstalledRabbit } from "../../../services/local/servers/rabbitmq-find.ts";
import { findUnpackedRabbit } from "../../../services/local/servers/rabbitmq-unpack.ts";
import { findFreePortRow } from "../../support/free-port-row.ts";

/** PostgreSQL's ways to end: fast shutdown, immediate shutdown (it recovers as after a crash). */
export type PostgresEnd = "SIGINT" | "SIGQUIT";

/** The servers of one run, which can be treated badly; their addresses stay the same. */
export interface LabServers {
  readonly postgresUrl: string;
  readonly rabbit: RabbitServer;
  readonly endPostgres: (signal: PostgresEnd) => Promise<void>;
  readonly startPostgres: () => Promise<void>;
  /** Ends the broker, in order (SIGTERM) or not (SIGKILL). */
  readonly endRabbit: (signal: "SIGTERM" | "SIGKILL") => Promise<void>;
  /** Resolves when it answers. */
  readonly startRabbit: () => Promise<void>;
  /** Loses all that the stopped broker ever knew. */
  readonly wipeRabbit: () => void;
  /** Raises (true) or clears the broker's memory alarm: it takes no messages meanwhile. */
  readonly alarm: (raised: boolean) => Promise<void>;
  /** Stops a whole server where it stands, or lets it go on. */
  readonly freeze: (server: "postgres" | "rabbitmq", frozen: boolean) => void;
  readonly stop: () => Promise<void>;
}

/** Starts both in `folder`, on a free row of ports. */
export async function startLabServers(folder: string): Promise<LabServers> {
  const { ports } = await findFreePortRow();
  const login = { user: "duly", password: randomUUID() };
  const common = { password: login.password, onProgress: () => undefined, stackDir: folder };
  const rabbitData = join(folder, "rabbitmq");
  const bootPostgres = () =>
    startPostgres({ ...common, dataDir: join(folder, "postgres"), port: ports.postgres });
  // "disposable" is about how it is stopped for good: killed.
  const bootRabbit = () => startRabbit({ ...common, ...login, dataDir: rabbitData, ports, disposable: true });
  let postgres: PostgresServer;
  let rabbit: RabbitServer;
  [postgres, rabbit] = await Promise.all([bootPostgres(), bootRabbit()]);

  const endRabbit = async (signal: NodeJS.Signals) => {
    const pid = pidOf(rabbit);
    process.kill(pid, signal);
    while (isThere(pid)) await sleep(50);
    await rabbit.stop(); // its port mapper
  };
  return {
    postgresUrl: postgres.url,
    rabbit,
    endPostgres: async (signal) => {
      process.kill(pidOf(postgres), signal);
      await postgres.stop();
    },
    startPostgres: async () => {
      postgres = await bootPostgres();
    },
    endRabbit,
    startRabbit: async () => {
      rabbit = await bootRabbit();
    },
    wipeRabbit: () => rmSync(join(rabbitData, "mnesia"), { recursive: true, force: true }),
    alarm: async (raised) => {
      const mark = raised ? "0.0000001" : "0.4";
      const found = findInstalledRabbit() ?? findUnpackedRabbit();
      if (found === undefined) throw new Error("there is no rabbitmqctl beside the RabbitMQ that runs");
      const env = {
        ...process.env,
        ...found.env,
        ...configureRabbit({ dataDir: rabbitData, ports, ...login }),
      };
      const program = join(dirname(found.server), "rabbitmqctl");
      const { code, output } = await runCommand(program, ["set_vm_memory_high_watermark", mark], { env });
      if (code !== 0) throw new Error(`rabbitmqctl could not move the watermark:\n${output}`);
    },
    freeze: (server, frozen) => {
      const pid = pidOf(server === "postgres" ? postgres : rabbit);
      for (const each of [pid, ...childrenOf(pid)]) process.kill(each, frozen ? "SIGSTOP" : "SIGCONT");
    },
    stop: async () => {
      await Promise.all([postgres.stop(), rabbit.stop()]);
    },
  };
}

function pidOf(server: { readonly pid: number | undefined }): number {
  if (server.pid === undefined) throw new Error("the laboratory needs servers of its own on this machine");
  return server.pid;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH: it has ended
  }
}

// PostgreSQL's backends make process groups of their own; only /proc knows whose children they are.
function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(status.slice(status.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // it ended meanwhile
  }
}
