import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { inject } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { migrate } from "../../migrations/migrate.ts";
import { type Chain, startChain } from "../../services/local/outside/chain/start-chain.ts";
import { createRoster } from "../../services/local/stack/roster.ts";
import { makeSecrets } from "../../services/local/stack/secrets.ts";
import { startCards, startTokenChain } from "../../services/local/stack/start-outside.ts";
import { findFreePortRow } from "../support/free-port-row.ts";
import { runFile } from "../support/run-file.ts";
import { type RunningProcess, runFolder, startService } from "../support/service-process.ts";
import { makeVirtualHost } from "../support/virtual-host.ts";

/** What payments stand on, with relay and scheduler as processes; the payments service itself is each test's own. */
export interface PaymentsWorld {
  readonly folder: string;
  readonly db: Database;
  /** The token on its chain. */
  readonly chainUrl: string;
  readonly tokenAddress: string;
  /** The card processor. */
  readonly cardsUrl: string;
  /** A process of the payments service, ready. */
  readonly startPayments: (settings?: Readonly<Record<string, string>>) => Promise<RunningProcess>;
  readonly importFile: (file: string, correlationId: string) => Promise<void>;
  readonly stopChain: () => Promise<void>;
  /** Starts the chain where it was: same port, same blocks. */
  readonly startChain: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Makes it on a database and a virtual host of its own, on the servers of this run of tests. */
export async function makePaymentsWorld(): Promise<PaymentsWorld> {
  const world = new AsyncDisposableStack();
  try {
    return await build(world);
  } catch (error) {
    await world.disposeAsync();
    throw error;
  }
}

// What is deferred to `world` takes it down, in the opposite order.
async function build(world: AsyncDisposableStack): Promise<PaymentsWorld> {
  const folder = join(runFolder, `payments-${randomUUID().slice(0, 8)}`);
  mkdirSync(folder, { recursive: true });
  world.defer(() => rmSync(folder, { recursive: true, force: true }));
  const secrets = makeSecrets();
  const { ports } = await findFreePortRow();
  const roster = createRoster();
  let again: Chain | undefined;
  world.defer(async () => {
    await roster.stopAll();
    await again?.stop();
  });
  const options = { stackDir: folder, ports, secrets, disposable: true };
  const { chainUrl, tokenAddress } = await startTokenChain(options, roster, () => undefined);
  const outside = createRoster();
  world.defer(() => outside.stopAll());
  await startCards(options, outside);
  const cardsUrl = `http://127.0.0.1:${ports.cards}`;

  const log = createLogger("test", "silent");
  const server = openDatabase({ url: inject("databaseUrl"), name: "duly test", connections: 1, log });
  world.defer(() => server.destroy());
  const name = `payments_${randomUUID().replaceAll("-", "")}`;
  await sql`create database ${sql.id(name)}`.execute(server);
  world.defer(async () => {
    await sql`drop database ${sql.id(name)} with (force)`.execute(server);
  });
  const address = new URL(inject("databaseUrl"));
  address.pathname = `/${name}`;
  await migrate(address.href, "up", log);
  const db = openDatabase({ url: address.href, name: "duly test", connections: 3, log });
  world.defer(() => db.destroy());
  const broker = await makeVirtualHost();
  world.defer(() => broker.remove());

  const env = {
    DATABASE_URL: address.href,
    AMQP_URL: broker.url,
    CHAIN_URL: chainUrl,
    CHAIN_MNEMONIC: secrets.mnemonic,
    TOKEN_ADDRESS: tokenAddress,
    CARDS_URL: cardsUrl,
    CARDS_KEY: secrets.cardsKey,
  };
  const succeed = async (file: string, ...args: string[]) => {
    const { code, out, err } = await runFile(file, args, env);
    if (code !== 0) throw new Error(`${file} ended with ${code}:\n${out}${err}`);
  };
  await succeed("services/payments/commands/seed.ts");
  for (const service of await Promise.all([startService("relay", env), startService("scheduler", env)])) {
    world.defer(() => service.kill());
  }

  return {
    folder,
    db,
    chainUrl,
    tokenAddress,
    cardsUrl,
    startPayments: (settings = {}) => startService("payments", { ...env, ...settings }),
    importFile: (file, correlationId) =>
      succeed("services/cli/main.ts", "import", "payments", file, "--correlation", correlationId),
    stopChain: async () => {
      await roster.stopAll();
      await again?.stop();
    },
    startChain: async () => {
      again = await startChain({ stateDir: join(folder, "chain"), port: ports.chain, stackDir: folder });
    },
    remove: () => world.disposeAsync(),
  };
}
