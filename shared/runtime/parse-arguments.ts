import type { Command } from "commander";

const USAGE = 2;

/** Reads the command line into `command`; help ends the process with 0, what cannot be understood with 2. */
export function parseArguments(command: Command, given: readonly string[]): void {
  command
    .showHelpAfterError("(see --help)")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE));
  command.parse(given, { from: "user" });
}
