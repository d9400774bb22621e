import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";

/** What is to be run, and in what. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly nodeOptions: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs a command's file under this Node with this terminal, passes signals on, and resolves with its exit code.
 *
 * A command that a signal ended gives 128 plus the signal's number, as a shell would say it.
 */
export async function runFile({ file, args, nodeOptions, environment }: Program): Promise<number> {
  // `npm run duly` moves to the package's folder; what a person types is relative to theirs.
  const typedIn = environment["npm_lifecycle_event"] === "duly" ? environment["INIT_CWD"] : undefined;
  const child = spawn(process.execPath, [...nodeOptions, file, ...args], {
    stdio: "inherit",
    env: environment,
    cwd: typedIn ?? process.cwd(),
  });
  const passOn = (signal: NodeJS.Signals) => {
    // Ctrl-C in a terminal reaches the child by itself: passed on, it would count as a second one.
    if (signal === "SIGINT" && process.stdin.isTTY) return;
    child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, passOn);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
