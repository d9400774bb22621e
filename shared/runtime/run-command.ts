import { z } from "zod";
import { readConfig, type ServiceConfig } from "../config/env.ts";
import { type Database, openDatabase } from "../database/database.ts";
import { ConfigError } from "../errors/errors.ts";
import { createLogger, type Logger } from "../log/logger.ts";

/** What a command may use; everything is closed for it afterwards. */
export interface CommandContext<Config> {
  readonly config: Config;
  readonly db: Database;
  readonly log: Logger;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Writes one line for the person at the terminal. */
  readonly out: (line: string) => void;
}

/**
 * Runs one command of a service from the terminal and sets the exit code that it returns.
 *
 * Errors become one clear line on stderr and exit code 1 (2 when the environment does not fit); DULY_DEBUG=1 shows
 * their stack.
 */
export async function runCommand<Schema extends z.ZodObject<typeof ServiceConfig.shape>>(
  name: string,
  schema: Schema,
  run: (context: CommandContext<z.infer<Schema>>) => Promise<number>,
): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("stopped by the user"));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const config = readConfig(schema, process.env);
    const log = createLogger(name, config.LOG_LEVEL === "info" ? "warn" : config.LOG_LEVEL);
    const db = openDatabase({ url: config.DATABASE_URL, name: `duly ${name}`, connections: 4, log });
    try {
      const out = (line: string) => void process.stdout.write(`${line}\n`);
      process.exitCode = await run({ config, db, log, signal: stop.signal, out });
    } finally {
      await db.destroy();
    }
  } catch (error) {
    process.exitCode = error instanceof ConfigError ? 2 : 1;
    process.stderr.write(`duly ${name}: ${describe(error)}\n`);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function describe(error: unknown): string {
  if (process.env["DULY_DEBUG"] === "1" && error instanceof Error) return error.stack ?? error.message;
  if (error instanceof z.ZodError) return z.prettifyError(error);
  if (error instanceof Error) return withHint(error);
  return String(error);
}

// PostgreSQL's errors, ours among them, say in their hint what to do.
function withHint(error: Error & { hint?: unknown }): string {
  const message = error.message || String(error);
  return typeof error.hint === "string" ? `${message}\n  ${error.hint}` : message;
}
