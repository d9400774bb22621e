import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";
import { type RabbitServer, startRabbit } from "../../services/local/servers/rabbitmq.ts";
import { configureRabbit } from "../../services/local/servers/rabbitmq-configure.ts";
import { findInstalledRabbit } from "../../services/local/servers/rabbitmq-find.ts";
import { findUnpackedRabbit } from "../../services/local/servers/rabbitmq-unpack.ts";
import { choosePorts } from "../../services/local/stack/ports.ts";
import { findFreePortRow } from "./free-port-row.ts";
import { runFolder } from "./service-process.ts";
import type { BrokerAddress } from "./virtual-host.ts";

/** A RabbitMQ node of one test file's own, for what would disturb all other users of the run's broker. */
export interface OwnBroker {
  readonly address: () => BrokerAddress;
  /** Runs rabbitmqctl against it. */
  readonly control: (...args: string[]) => Promise<void>;
  /** To the node's process: SIGSTOP makes it silent, SIGCONT goes on. */
  readonly signal: (name: NodeJS.Signals) => void;
  /** Ends it without a goodbye, as a crash does; resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Starts it again on its own data and ports. */
  readonly start: () => Promise<void>;
  /** What it tells Prometheus: the value of each line, by name and labels. */
  readonly metrics: () => Promise<ReadonlyMap<string, number>>;
}

/** What differs from the settings of every private node. */
export interface OwnSettings {
  /** Lines of rabbitmq.conf. */
  readonly conf: string;
  /** advanced.config. */
  readonly advanced: string;
}

/** Starts a node before the first test of the file and ends it after the last, without a trace. */
export function useOwnBroker({ conf, advanced }: OwnSettings): OwnBroker {
  const dataDir = join(runFolder, `rabbitmq-${randomUUID().slice(0, 8)}`);
  const login = { user: "test", password: "test" };
  let ports = choosePorts(undefined);
  let server: RabbitServer | undefined;

  const running = (): RabbitServer => {
    if (server === undefined) throw new Error("this file's own broker is not running");
    return server;
  };
  const start = async () => {
    server = await startRabbit({
      dataDir,
      ports,
      ...login,
      onProgress: () => undefined,
      stackDir: runFolder,
      logFile: `${dataDir}.log`,
      disposable: true,
    });
  };
  const kill = async () => {
    await running().stop();
    server = undefined;
  };
  beforeAll(async () => {
    mkdirSync(join(dataDir, "conf.d"), { recursive: true, mode: 0o700 });
    writeFileSync(join(dataDir, "conf.d", "90-test.conf"), conf);
    writeFileSync(join(dataDir, "advanced.config"), advanced);
    ({ ports } = await findFreePortRow());
    await start();
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    address: running,
    control: async (...args) => {
      const installation = findInstalledRabbit() ?? findUnpackedRabbit();
      if (installation === undefined) throw new Error("no rabbitmqctl: RabbitMQ is not on this machine");
      const env = { ...process.env, ...installation.env, ...configureRabbit({ dataDir, ports, ...login }) };
      await promisify(execFile)(join(dirname(installation.server), "rabbitmqctl"), args, { env });
    },
    signal: (name) => void process.kill(running().pid ?? 0, name),
    kill,
    start,
    metrics: async () => {
      const response = await fetch(`http://127.0.0.1:${ports.prometheus}/metrics`);
      const lines = (await response.text()).split("\n").filter((line) => /^\w/.test(line));
      return new Map(
        lines.map((line) => {
          const at = line.lastIndexOf(" ");
          return [line.slice(0, at), Number(line.slice(at + 1))];
        }),
      );
    },
  };
}
