import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createPublicClient, http } from "viem";
import { foundry } from "viem/chains";
import { startChild, untilReady } from "../../processes/child.ts";
import { SetupError } from "../../setup-error.ts";
import { anvilBinary } from "./anvil-binary.ts";
import { ChainState } from "./chain-state.ts";
import { checkFree } from "./check-free.ts";

const STATE_INTERVAL_S = 5;
// Not a divisor of the above, so that it cannot fall on the moment of writing each time.
const COPY_INTERVAL_MS = 2_000;
const START_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 10_000;

/** The local EVM chain while it runs. */
export interface Chain {
  readonly url: string;
  readonly pid: number;
  /** Writes the state and ends the chain. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** Where the chain keeps its state and listens. */
export interface ChainOptions {
  readonly stateDir: string;
  readonly port: number;
  readonly onProgress?: (text: string) => void;
  /** The stack's data folder, which marks the process as the stack's own; the state's parent unless given. */
  readonly stackDir?: string;
}

/**
 * Starts anvil on 127.0.0.1 with a block each second and resolves once it answers.
 *
 * The chain has no accounts of its own: `ensureToken` and `fundWallets` give money to the wallets of a mnemonic.
 * A stopped chain goes on where it was, except that transactions not yet in a block are gone: their senders send
 * the same bytes again. A killed one also loses its blocks of the last 5 s, twice that if it was killed while writing.
 *
 * @throws {SetupError} when the binary is missing or the port is taken.
 */
export async function startChain(options: ChainOptions): Promise<Chain> {
  const { stateDir, port, onProgress, stackDir = dirname(stateDir) } = options;
  const program = anvilBinary();
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await checkFree(port);
  const state = new ChainState(join(stateDir, "chain.json"));
  if ((await state.prepare()) === "lost") {
    onProgress?.(`the chain's state could not be read and begins anew (old one: ${state.file}.torn)`);
  }
  onProgress?.(`anvil on port ${port}`);
  const child = await startChild({
    name: "chain",
    program,
    args: anvilArguments(port, state.file, stateDir),
    env: process.env,
    logFile: join(stateDir, "anvil.log"),
    stackDir,
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, () => answers(url), START_TIMEOUT_MS);
  } catch (cause) {
    await child.stop("SIGTERM", STOP_GRACE_MS);
    throw new SetupError(`The local chain did not start. ${cause instanceof Error ? cause.message : ""}`, {
      cause,
    });
  }
  const copying = setInterval(() => {
    if (child.hasEnded()) return;
    state
      .keepCopy()
      .catch((error: unknown) => onProgress?.(`no copy of the chain's state: ${String(error)}`));
  }, COPY_INTERVAL_MS).unref();
  return {
    url,
    pid: child.pid,
    stop: async () => {
      clearInterval(copying);
      await child.stop("SIGTERM", STOP_GRACE_MS);
    },
  };
}

function anvilArguments(port: number, stateFile: string, stateDir: string): string[] {
  const options = {
    "--host": "127.0.0.1",
    "--port": String(port),
    // None: keys on a command line could be read by every user of the machine.
    "--accounts": "0",
    "--block-time": "1",
    // Room for some thousand transfers in each block.
    "--gas-limit": "300000000",
    "--state": stateFile,
    "--state-interval": String(STATE_INTERVAL_S),
    // Old states would otherwise fill memory, and then the user's home folder.
    "--prune-history": "256",
    "--cache-path": join(stateDir, "cache"),
  };
  return ["--quiet", ...Object.entries(options).flat()];
}

async function answers(url: string): Promise<boolean> {
  const client = createPublicClient({
    chain: foundry,
    transport: http(url, { retryCount: 0, timeout: 1_000 }),
  });
  return client.getChainId().then(
    (id) => id === foundry.id,
    () => false,
  );
}
