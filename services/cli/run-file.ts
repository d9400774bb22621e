import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs a command's file under this Node with this terminal, passes signals on, and resolves with its exit code.
 *
 * A command that a signal ended gives 128 plus the signal's number, as a shell would say it.
 */
export async function runFile(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  // npm moves to the package's folder; what a person types is relative to theirs.
  const cwd = environment["INIT_CWD"] ?? process.cwd();
  const child = spawn(process.execPath, [file, ...args], { stdio: "inherit", env: environment, cwd });
  const passOn = (signal: NodeJS.Signals) => {
    // Ctrl-C in a terminal reaches the child by itself: passed on, it would count as a second one.
    if (signal === "SIGINT" && process.stdin.isTTY) return;
    child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, passOn);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : (SIGNAL_NUMBERS[signal] ?? 0));
}

const SIGNAL_NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};
