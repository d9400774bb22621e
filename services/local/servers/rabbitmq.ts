import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { OnProgress } from "../progress.ts";
import { SetupError } from "../setup-error.ts";
import { configureRabbit, type RabbitPorts } from "./rabbitmq-configure.ts";
import { findInstalledRabbit, INSTALL_RABBIT, type RabbitInstallation } from "./rabbitmq-find.ts";
import { startRabbitNode } from "./rabbitmq-node.ts";
import { findUnpackedRabbit, unpackRabbit } from "./rabbitmq-unpack.ts";

/** A RabbitMQ of our own. */
export interface RabbitServer {
  readonly amqpUrl: string;
  /** Address of its web UI and HTTP API. */
  readonly managementUrl: string;
  readonly user: string;
  readonly password: string;
  /** Its process on this machine; none in a container or elsewhere. */
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
}

/** How RabbitMQ is started. */
export interface RabbitOptions {
  readonly dataDir: string;
  readonly ports: RabbitPorts;
  /** The login is made with the data and stays with it. */
  readonly user: string;
  readonly password: string;
  readonly onProgress: OnProgress;
  /** Marks the processes; the folder above the data unless given. */
  readonly stackDir?: string;
  readonly logFile?: string;
  /** The data is thrown away afterwards, so stop() may kill: RabbitMQ takes 6 s to stop in order. */
  readonly disposable?: boolean;
}

/**
 * Starts a private node on 127.0.0.1 with its own data, login, port mapper and settings; no service of the machine is
 * touched. stop() leaves no process behind.
 */
export async function startRabbit(options: RabbitOptions): Promise<RabbitServer> {
  const { dataDir, ports, user, password, onProgress, stackDir = dirname(dataDir) } = options;
  const installation = await findRabbit(onProgress);
  onProgress(`starting RabbitMQ ${installation.version}`);
  const env = configureRabbit({ dataDir, ports, user, password });
  const logFile = options.logFile ?? join(stackDir, "logs", "rabbitmq.log");
  const node = await startRabbitNode({
    installation,
    env,
    ports,
    user,
    password,
    dataDir,
    stackDir,
    logFile,
    disposable: options.disposable ?? false,
  });
  return {
    amqpUrl: `amqp://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${ports.amqp}`,
    managementUrl: `http://127.0.0.1:${ports.management}`,
    user,
    password,
    ...node,
  };
}

/** An installed RabbitMQ, else one unpacked from this system's packages. */
async function findRabbit(onProgress: OnProgress): Promise<RabbitInstallation> {
  const found = findInstalledRabbit();
  if (found !== undefined) return found;
  if (existsSync("/usr/bin/apt-get") && existsSync("/usr/bin/dpkg-deb")) {
    return findUnpackedRabbit() ?? (await unpackRabbit(onProgress));
  }
  throw new SetupError(`There is no RabbitMQ on this machine. ${INSTALL_RABBIT}`);
}
