import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";

/** Ends all that a run of tests has started, the stacks in its folder too, and removes the folder. */
export async function endRun(folder: string): Promise<void> {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const inside = entries.filter((entry) => entry.isDirectory());
  for (const each of [folder, ...inside.map(({ name }) => join(folder, name))]) await endLeftovers(each, 0);
  rmSync(folder, { recursive: true, force: true });
}

// As a program: for a run that is on its way out and can wait for nothing any more.
if (import.meta.main) await endRun(process.argv[2] ?? "");
