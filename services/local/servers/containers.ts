import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import type { PostgresServer } from "./postgres.ts";
import type { RabbitServer } from "./rabbitmq.ts";

/** The images, as in docker-compose.yml. */
const POSTGRES_IMAGE = "postgres:18";
const RABBITMQ_IMAGE = "rabbitmq:4-management";

/** How a container is started. */
export interface ContainerOptions {
  readonly user: string;
  readonly password: string;
  /** The Docker volume that keeps the data; without one it ends with the container. */
  readonly volume?: string;
}

/**
 * Whether a Docker engine answers within 3 s, on its socket or where DOCKER_HOST says.
 *
 * Untried: no machine that built this had a Docker engine.
 */
export function dockerAnswers(): Promise<boolean> {
  const host = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  const url = new URL(host.replace(/^tcp:/, "http:"));
  const target =
    url.protocol === "unix:"
      ? { socketPath: fileURLToPath(`file://${url.pathname}`) }
      : { host: url.hostname, port: url.port };
  return new Promise((resolve) => {
    const ping = request({ ...target, path: "/_ping", timeout: 3000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on("timeout", () => ping.destroy());
    ping.on("error", () => resolve(false)); // no engine there
    ping.end();
  });
}

/** Starts PostgreSQL in a container. Untried, as above. */
export async function startPostgresContainer({
  user,
  password,
  volume,
}: ContainerOptions): Promise<PostgresServer> {
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: "duly" })
    .withCommand(["postgres", "-c", "max_connections=300"])
    .withBindMounts(keep(volume, "/var/lib/postgresql"))
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  const url = `postgres://${user}:${encodeURIComponent(password)}@${container.getHost()}:${container.getMappedPort(5432)}/duly`;
  return { url, pid: undefined, stop: () => remove(container) };
}

/** Starts RabbitMQ with its UI in a container. Untried, as above. */
export async function startRabbitContainer({
  user,
  password,
  volume,
}: ContainerOptions): Promise<RabbitServer> {
  const container = await new GenericContainer(RABBITMQ_IMAGE)
    .withEnvironment({ RABBITMQ_DEFAULT_USER: user, RABBITMQ_DEFAULT_PASS: password })
    // RabbitMQ keeps its data under its host's name.
    .withHostname("duly")
    .withBindMounts(keep(volume, "/var/lib/rabbitmq"))
    .withExposedPorts(5672, 15_672)
    .withWaitStrategy(Wait.forLogMessage(/Server startup complete/))
    .start();
  const host = container.getHost();
  return {
    amqpUrl: `amqp://${user}:${encodeURIComponent(password)}@${host}:${container.getMappedPort(5672)}`,
    managementUrl: `http://${host}:${container.getMappedPort(15_672)}`,
    user,
    password,
    pid: undefined,
    stop: () => remove(container),
  };
}

function keep(volume: string | undefined, target: string): { source: string; target: string }[] {
  return volume === undefined ? [] : [{ source: volume, target }];
}

async function remove(container: StartedTestContainer): Promise<void> {
  await container.stop();
}
