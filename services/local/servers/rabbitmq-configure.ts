import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { SetupError } from "../setup-error.ts";

/** The ports of a private RabbitMQ node, all on 127.0.0.1. */
export interface RabbitPorts {
  readonly amqp: number;
  readonly management: number;
  readonly epmd: number;
  readonly distribution: number;
  readonly prometheus: number;
}

/** What the node is made from. */
export interface RabbitSettings {
  readonly dataDir: string;
  readonly ports: RabbitPorts;
  readonly user: string;
  readonly password: string;
}

const PLUGINS = [
  "rabbitmq_management",
  "rabbitmq_prometheus",
  "rabbitmq_shovel",
  "rabbitmq_shovel_management",
];

/** Writes the node's settings into its data folder; returns the environment that makes it use nothing else. */
export function configureRabbit(settings: RabbitSettings): Readonly<Record<string, string>> {
  const { dataDir, ports } = settings;
  if (dataDir.includes("'")) {
    // It asks a shell for the free disk space, and would wait for the answer for ever.
    throw new SetupError(
      `RabbitMQ cannot keep its data in ${dataDir}: there is a ' in the path. Rename that folder, or give another: ` +
        "DULY_DIR=folder npm start",
    );
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const config = join(dataDir, "rabbitmq.conf");
  const plugins = join(dataDir, "enabled_plugins");
  const cookie = join(dataDir, ".erlang.cookie");
  writeFileSync(config, configText(settings), { mode: 0o600 });
  writeFileSync(plugins, `[${PLUGINS.join(",")}].\n`);
  if (!existsSync(cookie)) writeFileSync(cookie, randomBytes(24).toString("hex"));
  chmodSync(cookie, 0o400);
  const threads = Math.min(availableParallelism(), 4);
  return {
    HOME: dataDir,
    // The name is kept in the data, so it depends on nothing but the folder's place.
    RABBITMQ_NODENAME: `duly-${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_MNESIA_BASE: join(dataDir, "mnesia"),
    RABBITMQ_LOG_BASE: join(dataDir, "log"),
    RABBITMQ_LOGS: "-",
    RABBITMQ_CONFIG_FILE: config,
    // The machine's own settings in /etc/rabbitmq would be read where these do not point elsewhere.
    RABBITMQ_CONFIG_FILES: join(dataDir, "conf.d"),
    RABBITMQ_CONF_ENV_FILE: join(dataDir, "rabbitmq-env.conf"),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(dataDir, "advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_PLUGINS_EXPAND_DIR: join(dataDir, "plugins"),
    // Erlang's own protocol on loopback too; a few threads do for one machine, and leave its cores to the services.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} +S ${threads}:${threads} +stbt u`,
    // Makes the start script become the node instead of its parent: one process, which heeds SIGTERM.
    RUNNING_UNDER_SYSTEMD: "true",
  };
}

function configText({ ports, user, password }: RabbitSettings): string {
  const settings = {
    "listeners.tcp.default": `127.0.0.1:${ports.amqp}`,
    "management.tcp.ip": "127.0.0.1",
    "management.tcp.port": ports.management,
    "prometheus.tcp.ip": "127.0.0.1",
    "prometheus.tcp.port": ports.prometheus,
    default_user: user,
    default_pass: password,
    "default_user_tags.administrator": true,
    cluster_name: "duly",
    "log.console": true,
    "log.console.level": "info",
    "log.file": false,
    // Quorum queues reserve this much memory for their log; the default of 512 MB is for big servers.
    "raft.wal_max_size_bytes": 64_000_000,
    "vm_memory_high_watermark.relative": 0.4,
    "disk_free_limit.absolute": "200MB",
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}
