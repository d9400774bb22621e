import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../process-lock.mjs";
import { endLeftovers } from "../processes/leftovers.ts";
import { SetupError } from "../setup-error.ts";

/**
 * Makes the data folder this process's own and leaves nothing of an earlier run alive; returns what gives it back.
 *
 * @throws {SetupError} when it cannot be made, or while another stack runs in it.
 */
export async function claimFolder(
  stackDir: string,
  fresh: boolean,
  out: (line: string) => void,
): Promise<() => void> {
  makeFolder(stackDir);
  // It holds credentials. Root's PostgreSQL, which is not root, has to pass through it.
  chmodSync(stackDir, process.getuid?.() === 0 ? 0o711 : 0o700);
  const { release, holder } = tryLock(join(stackDir, "lock"));
  if (release === undefined) {
    throw new SetupError(
      `Duly already runs here, as process ${holder}. Stop it with Ctrl-C in its terminal, or: kill ${holder}\n` +
        "For a second one beside it: DULY_DIR=.duly/second DULY_PORTS_FROM=25000 npm start",
    );
  }
  try {
    const ended = await endLeftovers(stackDir);
    if (ended > 0) out(`Ended ${ended} processes that an earlier run left behind when it was killed.`);
    if (fresh) clear(stackDir);
    rotateLogs(join(stackDir, "logs"));
    rmSync(join(stackDir, "stack.json"), { force: true });
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

function makeFolder(stackDir: string): void {
  try {
    mkdirSync(stackDir, { recursive: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(
      `Duly cannot keep its data in ${stackDir}: ${why}\nGive it another folder: DULY_DIR=folder npm start`,
      { cause },
    );
  }
}

/** Everything but the lock, another's installation, and the folders of tests that may be running. */
function clear(stackDir: string): void {
  for (const name of readdirSync(stackDir)) {
    if (/^(lock|installing|test-)/.test(name)) continue;
    rmSync(join(stackDir, name), { recursive: true, force: true });
  }
}

/** The logs of the run before stay for reading. */
function rotateLogs(logs: string): void {
  if (!existsSync(logs)) return;
  rmSync(`${logs}.previous`, { recursive: true, force: true });
  renameSync(logs, `${logs}.previous`);
}
