import { createHash } from "node:crypto";
import { join } from "node:path";
import type { OnProgress } from "../progress.ts";
import { explain, SetupError } from "../setup-error.ts";
import type { Ports } from "../stack/ports.ts";
import type { StackSecrets } from "../stack/secrets.ts";
import { checkGiven, parseGiven } from "./check-given.ts";
import { dockerAnswers, startPostgresContainer, startRabbitContainer } from "./containers.ts";
import { type PostgresServer, startPostgres } from "./postgres.ts";
import { type RabbitServer, startRabbit } from "./rabbitmq.ts";

/** Where a server comes from. */
export type Source = "given" | "docker" | "embedded";

/** Where both servers come from. */
export interface Sources {
  readonly postgres: Source;
  readonly rabbitmq: Source;
}

/** What the servers of one stack are made from. */
export interface ServerOptions {
  readonly stackDir: string;
  readonly ports: Ports;
  readonly secrets: StackSecrets;
  /** The data is thrown away afterwards. */
  readonly disposable: boolean;
}

/**
 * Decides, first that applies: an address in the environment, a Docker engine that answers, embedded.
 *
 * @throws {SetupError} when an address cannot be one, a given database does not answer, or DULY_SERVERS says something
 *   unknown.
 */
export async function chooseSources(env: NodeJS.ProcessEnv): Promise<Sources> {
  const { DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl, DULY_SERVERS: wanted } = env;
  if (wanted && wanted !== "embedded")
    throw new SetupError(
      `DULY_SERVERS can only be "embedded", which never asks for Docker, not "${wanted}".`,
    );
  if (databaseUrl) await checkGiven({ variable: "DATABASE_URL", address: databaseUrl });
  // The services wait for a broker that comes later.
  if (amqpUrl) parseGiven({ variable: "AMQP_URL", address: amqpUrl });
  const isComplete = Boolean(databaseUrl) && Boolean(amqpUrl);
  const own = !isComplete && wanted !== "embedded" && (await dockerAnswers()) ? "docker" : "embedded";
  return { postgres: databaseUrl ? "given" : own, rabbitmq: amqpUrl ? "given" : own };
}

/** Starts PostgreSQL, or uses the one that is given. */
export async function providePostgres(
  source: Source,
  { stackDir, ports, secrets, disposable }: ServerOptions,
  onProgress: OnProgress,
): Promise<PostgresServer> {
  if (source === "given")
    return { url: process.env["DATABASE_URL"] ?? "", pid: undefined, stop: async () => undefined };
  const password = secrets.postgresPassword;
  const embedded = () =>
    startPostgres({
      dataDir: join(stackDir, "postgres"),
      port: ports.postgres,
      password,
      onProgress,
      stackDir,
      disposable,
    });
  if (source === "embedded") return embedded();
  const volume = disposable ? {} : { volume: volumeName("postgres", password) };
  return orEmbedded(
    () => startPostgresContainer({ user: "duly", password, ...volume }),
    embedded,
    onProgress,
  );
}

/** Starts RabbitMQ, or uses the one that is given. */
export async function provideRabbit(
  source: Source,
  { stackDir, ports, secrets, disposable }: ServerOptions,
  onProgress: OnProgress,
): Promise<RabbitServer> {
  if (source === "given") return givenRabbit(process.env["AMQP_URL"] ?? "", process.env["RABBITMQ_URL"]);
  const login = { user: secrets.rabbitmqUser, password: secrets.rabbitmqPassword };
  const embedded = () =>
    startRabbit({ dataDir: join(stackDir, "rabbitmq"), ports, ...login, onProgress, stackDir, disposable });
  if (source === "embedded") return embedded();
  const volume = disposable ? {} : { volume: volumeName("rabbitmq", login.password) };
  return orEmbedded(() => startRabbitContainer({ ...login, ...volume }), embedded, onProgress);
}

function givenRabbit(amqpUrl: string, managementUrl: string | undefined): RabbitServer {
  const { hostname, username, password } = new URL(amqpUrl);
  return {
    amqpUrl,
    managementUrl: managementUrl ?? `http://${hostname}:15672`,
    user: decodeURIComponent(username) || "guest",
    password: decodeURIComponent(password) || "guest",
    pid: undefined,
    stop: async () => undefined,
  };
}

/** Named after a credential, a volume belongs to the data of one stack until --fresh makes new credentials. */
function volumeName(server: string, password: string): string {
  return `duly-${server}-${createHash("sha256").update(password).digest("hex").slice(0, 8)}`;
}

/** An engine that answers may still have no image and no way to get one. */
async function orEmbedded<T>(
  docker: () => Promise<T>,
  embedded: () => Promise<T>,
  onProgress: OnProgress,
): Promise<T> {
  try {
    onProgress("starting a container (DULY_SERVERS=embedded does without Docker)");
    return await docker();
  } catch (error) {
    onProgress(`Docker cannot do it: ${explain(error).split("\n")[0] ?? ""}; going on without`);
    return embedded();
  }
}
