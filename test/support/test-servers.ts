import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../../services/local/process-lock.mjs";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";
import type { PostgresServer } from "../../services/local/servers/postgres.ts";
import {
  chooseSources,
  providePostgres,
  provideRabbit,
} from "../../services/local/servers/provide-servers.ts";
import type { RabbitServer } from "../../services/local/servers/rabbitmq.ts";
import { explain } from "../../services/local/setup-error.ts";
import { findFreePorts, toPorts } from "../../services/local/stack/ports.ts";
import { makeSecrets } from "../../services/local/stack/secrets.ts";
import { root } from "./repository.ts";

/** The servers of one test run. */
export interface TestServers {
  readonly postgres: PostgresServer;
  readonly rabbit: RabbitServer;
  /** Leaves no process, port or file. */
  readonly stop: () => Promise<void>;
}

/** Starts both servers on free ports, with data in a folder of this run's own. */
export async function startTestServers(): Promise<TestServers> {
  const home = join(root, ".duly");
  await sweep(home);
  const stackDir = join(home, `test-${process.pid}`);
  mkdirSync(stackDir, { recursive: true });
  const { release } = tryLock(join(home, `test-${process.pid}.lock`));
  const clean = async () => {
    await endLeftovers(stackDir, 0);
    rmSync(stackDir, { recursive: true, force: true });
    release?.();
  };
  const options = {
    stackDir,
    ports: toPorts(await findFreePorts(11)),
    secrets: makeSecrets(),
    disposable: true,
  };
  const sources = await chooseSources(process.env);
  const tell = (text: string) => void process.stdout.write(`  servers for the tests: ${text} …\n`);
  const starting = [
    providePostgres(sources.postgres, options, tell),
    provideRabbit(sources.rabbitmq, options, tell),
  ] as const;
  try {
    const [postgres, rabbit] = await Promise.all(starting);
    const stop = async () => {
      await Promise.all([postgres.stop(), rabbit.stop()]);
      await clean();
    };
    return { postgres, rabbit, stop };
  } catch (error) {
    await endLeftovers(stackDir, 0);
    await Promise.allSettled(starting);
    await clean();
    throw new Error(explain(error), { cause: error });
  }
}

/** Ends and removes what test runs left behind that were killed. */
async function sweep(home: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  for (const name of readdirSync(home).filter((entry) => /^test-\d+$/.test(entry))) {
    const { release } = tryLock(join(home, `${name}.lock`));
    if (release === undefined) continue;
    await endLeftovers(join(home, name), 0);
    rmSync(join(home, name), { recursive: true, force: true });
    release();
  }
}
