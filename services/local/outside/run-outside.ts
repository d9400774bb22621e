import { once } from "node:events";
import { z } from "zod";
import { createLogger, type Logger } from "#shared/log/logger.ts";
import { explain, isErrno } from "../setup-error.ts";

/** What a process of the outside world is once it is up. */
export interface OutsideWorld {
  /** Where it listens; written beside "ready". */
  readonly addresses: Readonly<Record<string, number>>;
  readonly stop: () => Promise<void>;
}

/**
 * Runs one process of the local outside world: configuration from the environment, JSON lines on stdout, "ready"
 * when it is up, and an end with code 0 on SIGTERM or SIGINT. What keeps it from starting is told, with code 1.
 */
export async function runOutside<S extends z.ZodType>(
  name: string,
  schema: S,
  start: (config: z.infer<S>, log: Logger) => Promise<OutsideWorld>,
): Promise<void> {
  // Whoever starts it waits for "ready", so LOG_LEVEL cannot take that line away.
  const log = createLogger(name, "info");
  const stopped = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  try {
    const config = schema.safeParse(process.env);
    if (!config.success)
      throw new Error(`The environment is not complete:\n${z.prettifyError(config.error)}`);
    const world = await start(config.data, log);
    log.info(world.addresses, "ready");
    await stopped;
    await world.stop();
    log.info("stopped");
  } catch (error) {
    log.fatal({ err: error }, isErrno(error, "EADDRINUSE") ? inUse(error) : explain(error));
    process.exitCode = 1;
  }
  // A fault may still hold a timer or a socket; nothing of it is worth waiting for.
  process.exit();
}

function inUse(error: unknown): string {
  const port = error instanceof Error && "port" in error ? String(error.port) : "of this process";
  return `Port ${port} on 127.0.0.1 is in use: end the program that has it and start again.`;
}
