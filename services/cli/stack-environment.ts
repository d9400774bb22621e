import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

const Stack = z.object({
  environment: z.record(z.string(), z.string()),
  processes: z.array(z.object({ name: z.string(), pid: z.number().int() })),
});

/** The settings of a command, or why there are none. */
export type Settings =
  | { readonly environment: Readonly<Record<string, string | undefined>>; readonly note: string | undefined }
  | { readonly fault: string };

const NO_STACK = "Run npm start in another terminal, or set DATABASE_URL and what else the command needs.";

/**
 * Settles what a command runs against: its own environment where that names a database, else the running local stack.
 *
 * Never mixed: with DATABASE_URL set, nothing of the local stack is used.
 */
export function settingsFor(
  given: Readonly<Record<string, string | undefined>>,
  stackFile: string,
): Settings {
  if (given["DATABASE_URL"]) return { environment: given, note: undefined };
  if (!existsSync(stackFile))
    return { fault: `DATABASE_URL is not set and no local stack runs. ${NO_STACK}` };
  const stack = readStack(stackFile);
  if (stack === undefined) return { fault: `${stackFile} cannot be read. ${NO_STACK}` };
  if (!stack.processes.some(({ pid }) => isAlive(pid))) {
    return {
      fault: `DATABASE_URL is not set, and the local stack of ${stackFile} no longer runs. ${NO_STACK}`,
    };
  }
  return {
    environment: { ...given, ...stack.environment },
    note: "against the local stack (.duly/stack.json)",
  };
}

function readStack(file: string): z.infer<typeof Stack> | undefined {
  try {
    return Stack.safeParse(JSON.parse(readFileSync(file, "utf8"))).data;
  } catch (error) {
    // Half written, or another user's: its owner alone may read it.
    if (error instanceof SyntaxError || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
