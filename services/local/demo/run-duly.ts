import { join, relative } from "node:path";
import { ROOT } from "../processes/node-program.ts";
import { type CommandResult, lastLines, runCommand } from "../processes/run-command.ts";
import type { DemoRun } from "./demo-run.ts";

/**
 * Runs a command of Duly's command line as a person would, with the run's correlation id.
 *
 * @throws when it ends with another code than 0 or those in `alsoGood`, with its last words.
 */
export async function runDuly(
  run: DemoRun,
  args: readonly string[],
  alsoGood: readonly number[] = [],
): Promise<CommandResult> {
  run.signal.throwIfAborted();
  const words = [...args, "--correlation", run.correlationId];
  const result = await runCommand(process.execPath, [join(ROOT, "services/cli/main.ts"), ...words], {
    cwd: ROOT,
    env: { ...process.env, ...run.stack.environment, INIT_CWD: ROOT },
  });
  if (result.code === 0 || alsoGood.includes(result.code)) return result;
  run.signal.throwIfAborted();
  throw new Error(
    `${spell(args)} ended with code ${result.code}. Its last words:\n${lastLines(result.output)}`,
  );
}

/** Spells a command as it would be typed in the clone's folder, long lists shortened. */
export function spell(args: readonly string[]): string {
  const words = args.map((word) => (word.startsWith(ROOT) ? relative(ROOT, word) : word));
  const shown = words.length > 5 ? [...words.slice(0, 3), "…"] : words;
  return ["npm run duly --", ...shown].join(" ");
}
