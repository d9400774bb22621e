import type { z } from "zod";
import { type ConsumerConfig, readConfig, type ServiceConfig } from "../config/env.ts";
import { consume } from "../consuming/consume.ts";
import type { Handler } from "../consuming/handle.ts";
import type { Workers } from "../consuming/queue-sizes.ts";
import type { Subscription } from "../consuming/subscribe.ts";
import { type Database, openDatabase } from "../database/database.ts";
import { Interrupted } from "../database/until-database-answers.ts";
import { ConfigError } from "../errors/errors.ts";
import { createLogger, type Logger } from "../log/logger.ts";
import { aborted } from "../time/aborted.ts";

/** Whoever ignores its signal keeps its connection, which ends with the process. */
const LONGEST_CLOSING_MS = 2_000;

export interface ConsumeOptions {
  /** Handlers that run at once, by priority; WORKERS_… in the environment goes before. */
  readonly workers?: Workers;
}

/** What a service's main function is given. */
export interface ServiceContext<Config> {
  readonly name: string;
  readonly config: Config;
  readonly db: Database;
  readonly log: Logger;
  /** Aborted by SIGTERM: take nothing new, finish what is in hand. */
  readonly stop: AbortSignal;
  /** Aborted when the time to finish is over. */
  readonly hurry: AbortSignal;
  /** Says that the service is up; repeating it does nothing. */
  readonly ready: () => void;
  /** The service lives until this ends, which it has to do after `stop`; its failure is the service's. */
  readonly running: (work: Promise<unknown>) => void;
  /** Adds a step to the graceful stop; steps run after all work has ended, the last added first. */
  readonly onStop: (step: () => Promise<unknown>) => void;
  /** Registers what this service runs and takes its deliveries until it stops. */
  readonly consume: (parts: readonly (Handler | Subscription)[], options?: ConsumeOptions) => void;
}

/**
 * Runs one service as this process: settings from the environment, JSON log on stdout, SIGTERM drains, a second signal
 * ends at once.
 *
 * Exit code 0 after a drain, 1 when the service failed, 2 when the environment does not fit.
 */
export async function runService<Schema extends z.ZodObject<typeof ServiceConfig.shape>>(
  name: string,
  schema: Schema,
  start: (service: ServiceContext<z.infer<Schema>>) => Promise<void>,
): Promise<void> {
  const config = settingsOrExit(name, schema);
  const log = createLogger(name, config.LOG_LEVEL);
  const { stop, hurry, dispose } = stopSignals(config.STOP_GRACE_MS, log);
  const db = openDatabase({ url: config.DATABASE_URL, name: `duly ${name}`, connections: 5, log });
  const works: Promise<unknown>[] = [];
  const steps: (() => Promise<unknown>)[] = [];
  let saidReady = false;
  const context: ServiceContext<z.infer<Schema>> = {
    name,
    config,
    db,
    log,
    stop,
    hurry,
    ready: () => {
      // Whoever started this process waits for the line, so no LOG_LEVEL hides it.
      if (!saidReady) log.child({}, { level: "info" }).info("ready");
      saidReady = true;
    },
    running: (work) => void works.push(work),
    onStop: (step) => void steps.unshift(step),
    consume: (parts, options = {}) => {
      const consumer = consumerConfig(name, config);
      const workers = options.workers ?? {};
      works.push(
        consume({
          service: name,
          parts,
          workers,
          config: consumer,
          db,
          log,
          stop,
          hurry,
          ready: context.ready,
        }),
      );
    },
  };
  try {
    await start(context);
    await Promise.all(works);
    log.info("stopped");
  } catch (error) {
    if (error instanceof Interrupted && stop.aborted) {
      log.info("stopped while PostgreSQL did not answer");
    } else {
      log.fatal({ err: error }, "the service failed");
      process.exitCode = 1;
    }
  } finally {
    for (const step of steps)
      await step().catch((error: unknown) => log.error({ err: error }, "a stop step failed"));
    await Promise.race([db.destroy(), aborted(AbortSignal.timeout(LONGEST_CLOSING_MS))]);
    dispose();
    // Work that ignored its signals must not keep the process: everything that had to be kept has been committed.
    process.exit();
  }
}

function settingsOrExit<Schema extends z.ZodObject<typeof ServiceConfig.shape>>(
  name: string,
  schema: Schema,
): z.infer<Schema> {
  try {
    return readConfig(schema, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(2);
  }
}

function consumerConfig(name: string, config: object): ConsumerConfig {
  if (!("AMQP_URL" in config) || !("PRIORITIES" in config)) {
    throw new ConfigError(`${name} consumes, so its config has to hold ConsumerConfig's settings`);
  }
  return config as ConsumerConfig;
}

function stopSignals(graceMs: number, log: Logger) {
  const stop = new AbortController();
  const hurry = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      log.warn({ signal }, "second signal: stopping at once");
      process.exit(1);
    }
    log.info({ signal, graceMs }, "stopping: finishing what is in hand");
    stop.abort(new Error(`stopped by ${signal}`));
    timer = setTimeout(() => hurry.abort(new Error("the time to finish is over")), graceMs);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  const dispose = () => {
    clearTimeout(timer);
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  };
  return { stop: stop.signal, hurry: hurry.signal, dispose };
}
