import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** A RabbitMQ on this machine that can run a private node. */
export interface RabbitInstallation {
  readonly version: string;
  /** The start script itself, not a distribution's wrapper that wants to be root. */
  readonly server: string;
  readonly epmd: string;
  /** What its scripts need in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Quorum queues dead-letter at least once from this version on. */
const OLDEST = [3, 10] as const;

/** What to do where RabbitMQ can only come from a person. */
export const INSTALL_RABBIT =
  "Install RabbitMQ 3.10 or newer (Debian, Ubuntu: sudo apt-get install rabbitmq-server; macOS: brew install rabbitmq), " +
  "start Docker, or give a broker with AMQP_URL=amqp://user:password@host:port, and start again.";

/** Finds an installed RabbitMQ that is new enough, with Erlang's epmd. */
export function findInstalledRabbit(): RabbitInstallation | undefined {
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const epmd = [...path, "/usr/lib/erlang/bin"].map((folder) => join(folder, "epmd")).find(existsSync);
  if (epmd === undefined) return undefined;
  return ["/usr/lib/rabbitmq/bin", ...path]
    .map((folder) => join(folder, "rabbitmq-server"))
    .filter((server) => existsSync(server) && !realpathSync(server).endsWith("rabbitmq-script-wrapper"))
    .map((server) => ({ server: realpathSync(server), epmd, env: {}, version: versionOf(server) }))
    .find(({ version }) => isNewEnough(version));
}

/** The RabbitMQ inside a folder into which Debian packages were unpacked. */
export function rabbitUnpackedIn(root: string): RabbitInstallation {
  const libraries = readdirSync(join(root, "usr", "lib")).filter((name) => name.includes("-linux-"));
  const server = realpathSync(join(root, "usr", "lib", "rabbitmq", "bin", "rabbitmq-server"));
  const libraryPath = libraries.flatMap((name) => [join(root, "usr", "lib", name), join(root, "lib", name)]);
  return {
    version: versionOf(server),
    server,
    epmd: join(root, "usr", "bin", "epmd"),
    env: {
      PATH: [join(root, "usr", "bin"), process.env["PATH"] ?? ""].join(delimiter),
      LD_LIBRARY_PATH: libraryPath.join(delimiter),
      RABBITMQ_SCRIPTS_DIR: dirname(server),
    },
  };
}

function versionOf(server: string): string {
  const path = realpathSync(server);
  const inPath = /rabbitmq(?:_server-|-server-|\/)(\d+\.\d+\.\d+)/.exec(path)?.[1];
  if (inPath !== undefined) return inPath;
  const plugins = join(dirname(dirname(path)), "plugins");
  const names = existsSync(plugins) ? readdirSync(plugins) : [];
  return (
    names.map((name) => /^rabbit-(\d+\.\d+\.\d+)/.exec(name)?.[1]).find((found) => found !== undefined) ??
    "0.0.0"
  );
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
