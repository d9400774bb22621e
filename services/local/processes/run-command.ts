import { spawn } from "node:child_process";
import { SetupError } from "../setup-error.ts";

/** What a program that ended left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  /** stdout and stderr as they came. */
  readonly output: string;
}

/** Where and how a program runs. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What the program reads from its standard input. */
  readonly input?: string;
}

/**
 * Runs a program to its end, out of the terminal's reach, and keeps what it wrote.
 *
 * @throws {SetupError} when the program is missing.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  { input = "", ...options }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: "pipe", detached: true });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    // A program that ends without reading says so by its exit code.
    child.stdin.on("error", () => child.stdin.destroy()).end(input);
    child.on("error", (cause) =>
      reject(new SetupError(`${program} cannot be run: ${cause.message}`, { cause })),
    );
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, output }));
  });
}

/** The last lines of an output, indented, for a message to a person. */
export function lastLines(output: string, count = 12): string {
  return output
    .trimEnd()
    .split("\n")
    .slice(-count)
    .map((line) => `    ${line}`)
    .join("\n");
}
