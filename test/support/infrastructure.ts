import type { TestProject } from "vitest/node";
import { startTestServers, type TestServers } from "./test-servers.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** PostgreSQL with a superuser; tests make databases of their own on it. */
    databaseUrl: string;
    /** A migrated database there, to be copied. */
    templateDatabase: string;
    /** RabbitMQ's default virtual host. */
    amqpUrl: string;
    /** RabbitMQ's HTTP API, which makes virtual hosts. */
    rabbitmqUrl: string;
    rabbitmqUser: string;
    rabbitmqPassword: string;
  }
}

/** One set of servers serves every project of a run; each project loads this file anew. */
interface Shared {
  users: number;
  servers: Promise<TestServers>;
}
const registry: { [key: symbol]: Shared | undefined } = globalThis;
const KEY = Symbol.for("duly.test-servers");

/** Starts PostgreSQL and RabbitMQ for the tests (or uses DATABASE_URL and AMQP_URL) and tells every test where. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (registry[KEY] ??= { users: 0, servers: startTestServers() });
  shared.users += 1;
  const servers = await shared.servers;
  project.provide("databaseUrl", servers.postgres.url);
  project.provide("templateDatabase", servers.template);
  project.provide("amqpUrl", servers.rabbit.amqpUrl);
  project.provide("rabbitmqUrl", servers.rabbit.managementUrl);
  project.provide("rabbitmqUser", servers.rabbit.user);
  project.provide("rabbitmqPassword", servers.rabbit.password);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    registry[KEY] = undefined;
    await servers.stop();
  };
}
