import { rmSync } from "node:fs";
import { join } from "node:path";
import type { StackOptions } from "../options.ts";
import { endLeftovers } from "../processes/leftovers.ts";
import { stackMark } from "../processes/stack-mark.ts";
import { claimFolder } from "./claim-folder.ts";
import { listenForStop } from "./stop-request.ts";
import { superviseStack } from "./supervise-stack.ts";

/** Runs the whole stack in this folder until it is asked to stop; resolves to the exit code. */
export async function runStack(
  stackDir: string,
  options: StackOptions,
  out: (line: string) => void,
): Promise<number> {
  const request = listenForStop();
  const release = await claimFolder(stackDir, options.fresh, out);
  // Whatever is started from here on can be found by it, however it is started.
  Object.assign(process.env, stackMark(stackDir));
  const forced = request.urgent.then(() => {
    out("Stopping at once.");
    return 130;
  });
  try {
    return await Promise.race([superviseStack(stackDir, options, request, out), forced]);
  } finally {
    // Nothing outlives this process, whatever happened.
    await endLeftovers(stackDir, 0);
    rmSync(join(stackDir, "stack.json"), { force: true });
    release();
  }
}
