import { dirname, join } from "node:path";
import { SetupError } from "../setup-error.ts";
import { type Child, startChild, untilReady } from "./child.ts";
import { NODE_FLAGS } from "./node-flags.ts";
import { lastLines, runCommand } from "./run-command.ts";

/** The clone's own folder. */
export const ROOT = dirname(dirname(dirname(import.meta.dirname)));

/** A program of this clone that keeps running, as in services/relay/main.ts. */
export interface NodeProgram {
  readonly name: string;
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stackDir: string;
}

/** Starts it under this Node; resolves when it has logged "ready". */
export async function startNodeProgram(program: NodeProgram, timeoutMs = 60_000): Promise<Child> {
  const { name, file, environment, stackDir } = program;
  const child = await startChild({
    name,
    program: process.execPath,
    args: [...NODE_FLAGS, join(ROOT, file)],
    env: { ...process.env, ...environment },
    logFile: join(stackDir, "logs", `${name}.log`),
    stackDir,
    cwd: ROOT,
  });
  try {
    await untilReady(child, () => child.log().includes('"msg":"ready"'), timeoutMs);
  } catch (error) {
    await child.stop("SIGTERM", 5000);
    throw error;
  }
  return child;
}

/**
 * Runs a program of this clone to its end.
 *
 * @throws {SetupError} with its last words when it fails.
 */
export async function runNodeProgram(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const { code, output } = await runCommand(process.execPath, [join(ROOT, file), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
  });
  if (code !== 0) throw new SetupError(`${file} failed. Its last words:\n${lastLines(output)}`);
}
