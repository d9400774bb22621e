import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../../services/local/process-lock.mjs";
import type { PostgresServer } from "../../services/local/servers/postgres.ts";
import {
  chooseSources,
  providePostgres,
  provideRabbit,
} from "../../services/local/servers/provide-servers.ts";
import type { RabbitServer } from "../../services/local/servers/rabbitmq.ts";
import { explain } from "../../services/local/setup-error.ts";
import { makeSecrets } from "../../services/local/stack/secrets.ts";
import { endRun } from "./end-run.ts";
import { findFreePortRow } from "./free-port-row.ts";
import { makeTemplate } from "./migrated-database.ts";
import { root } from "./repository.ts";

/** The servers of one test run. */
export interface TestServers {
  readonly postgres: PostgresServer;
  readonly rabbit: RabbitServer;
  /** The name of a migrated database to copy. */
  readonly template: string;
  /** Leaves no process, port or file. */
  readonly stop: () => Promise<void>;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Starts both servers on free ports, with data in a folder of this run's own. */
export async function startTestServers(): Promise<TestServers> {
  const home = join(root, ".duly");
  await sweep(home);
  const stackDir = join(home, `test-${process.pid}`);
  mkdirSync(stackDir, { recursive: true });
  const { release } = tryLock(join(home, `test-${process.pid}.lock`));
  const unguard = onAbruptEnd(() => {
    spawnSync(process.execPath, [join(root, "test/support/end-run.ts"), stackDir], { timeout: 10_000 });
    release?.();
  });
  const clean = async () => {
    unguard();
    await endRun(stackDir);
    release?.();
  };
  const options = {
    stackDir,
    ports: (await findFreePortRow()).ports,
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
    const template = await makeTemplate(postgres.url);
    const stop = async () => {
      await template.drop();
      await Promise.all([postgres.stop(), rabbit.stop()]);
      await clean();
    };
    return { postgres, rabbit, template: template.name, stop };
  } catch (error) {
    await endRun(stackDir);
    await Promise.allSettled(starting);
    await clean();
    throw new Error(explain(error), { cause: error });
  }
}

/** Calls back once, when this process ends without a teardown, as after Ctrl-C; until the returned function is called. */
function onAbruptEnd(clean: () => void): () => void {
  const unguard = () => {
    process.off("exit", onExit);
    for (const name of SIGNALS) process.off(name, onSignal);
  };
  const onExit = () => {
    unguard();
    clean();
  };
  const onSignal = (name: NodeJS.Signals) => {
    onExit();
    process.kill(process.pid, name);
  };
  process.on("exit", onExit);
  for (const name of SIGNALS) process.on(name, onSignal);
  return unguard;
}

/** Ends and removes what test runs left behind that were killed. */
async function sweep(home: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  for (const name of readdirSync(home).filter((entry) => /^test-\d+$/.test(entry))) {
    const { release } = tryLock(join(home, `${name}.lock`));
    if (release === undefined) continue;
    await endRun(join(home, name));
    release();
  }
}
