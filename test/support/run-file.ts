import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inherited } from "./inherited.ts";

/** What a finished process left behind. */
export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a file of the repository with Node and awaits its end; `env` is its whole environment beside what is inherited. */
export function runFile(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  nodeOptions: readonly string[] = [],
): Promise<Finished> {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...nodeOptions, path, ...args],
      { env: { ...inherited(), ...env }, maxBuffer: 64 * 1024 * 1024 },
      (_error, out, err) => resolve({ code: child.exitCode, out, err }),
    );
  });
}
