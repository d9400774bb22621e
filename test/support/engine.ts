import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, inject } from "vitest";
import { ConsumerConfig, type ServiceConfig } from "#shared/config/env.ts";
import { consume } from "#shared/consuming/consume.ts";
import type { Handler } from "#shared/consuming/handle.ts";
import type { Workers } from "#shared/consuming/queue-sizes.ts";
import type { Subscription } from "#shared/consuming/subscribe.ts";
import type { JobState } from "#shared/contracts/job-state.ts";
import { type Database, openDatabase } from "#shared/database/database.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { DeadLettersConfig } from "../../services/dead-letters/config.ts";
import { recorder } from "../../services/dead-letters/recorder.ts";
import { RelayConfig } from "../../services/relay/config.ts";
import { relay } from "../../services/relay/relay.ts";
import { SchedulerConfig } from "../../services/scheduler/config.ts";
import { scheduler } from "../../services/scheduler/scheduler.ts";
import { eventually } from "./eventually.ts";
import { createMigrated } from "./migrated-database.ts";
import { type BrokerAddress, makeVirtualHost, type VirtualHost } from "./virtual-host.ts";
import { watchedLog } from "./watched-log.ts";

/** A part of the engine at work in this process. */
export interface Running {
  /** Drains it as SIGTERM would; after `graceMs` (3 s) running work is aborted and left to others. */
  readonly stop: (graceMs?: number) => Promise<void>;
}

/** The engine on a database and virtual host of one test file's own. */
export interface Engine {
  readonly db: Database;
  readonly url: string;
  readonly broker: VirtualHost;
  readonly startRelay: (settings?: Record<string, string>) => Promise<Running>;
  readonly startScheduler: (settings?: Record<string, string>) => Promise<Running>;
  /** Starts the service that records what the queues gave up. */
  readonly startRecorder: () => Promise<Running>;
  /** Starts a consumer service; resolves when it takes deliveries. `settings` go before the engine's own environment. */
  readonly consume: (
    service: string,
    parts: readonly (Handler | Subscription)[],
    workers?: Workers,
    settings?: Record<string, string>,
  ) => Promise<Running>;
  /** Waits until a job is in one of the states, and gives its row. */
  readonly reaches: (id: string, ...states: JobState[]) => Promise<SeenJob>;
}

export interface SeenJob {
  state: JobState;
  send: number;
  attempt: number;
  claim: number;
  holds: number;
  waits_for: string | null;
  result: unknown;
  progress: unknown;
  last_error: { name: string; code?: string; message: string } | null;
  started_at: Date | null;
  wake_at: Date | null;
}

/**
 * Makes the engine of a test file and takes it down after the last test; whatever still runs is stopped. Its virtual
 * host is on the run's broker, or on the one that `where` names once the hooks before this one have run.
 */
export function useEngine(where?: () => BrokerAddress): Engine {
  const engine = {} as { -readonly [Key in keyof Engine]: Engine[Key] };
  const running = new Set<Running>();
  let down: () => Promise<void>;
  beforeAll(async () => {
    const made = await makeEngine(running, where?.());
    Object.assign(engine, made.engine);
    down = made.down;
  });
  afterAll(async () => {
    await Promise.all([...running].map((part) => part.stop()));
    await down();
  });
  return engine;
}

async function makeEngine(
  running: Set<Running>,
  where: BrokerAddress | undefined,
): Promise<{ engine: Engine; down: () => Promise<void> }> {
  const log = watchedLog("test");
  const name = `engine_${randomUUID().replaceAll("-", "")}`;
  const server = openDatabase({ url: inject("databaseUrl"), name: "duly test", connections: 1, log });
  const url = await createMigrated(server, name);
  const broker = await makeVirtualHost(where);
  const db = openDatabase({ url, name: "duly test", connections: 5, log });
  const environment = { DATABASE_URL: url, AMQP_URL: broker.url };

  const keep = (stop: Running["stop"]): Running => {
    const part: Running = {
      stop: async (graceMs) => {
        running.delete(part);
        await stop(graceMs);
      },
    };
    running.add(part);
    return part;
  };
  const start = async <Config extends ServiceConfig>(
    part: string,
    config: Config,
    run: (service: ServiceContext<Config>) => Promise<void>,
  ) => {
    const service = makeContext(part, config, url);
    await run(service.context);
    await service.ready;
    return keep(service.stop);
  };
  const engine: Engine = {
    db,
    url,
    broker,
    startRelay: (settings = {}) => start("relay", RelayConfig.parse({ ...environment, ...settings }), relay),
    startScheduler: (settings = {}) =>
      start("scheduler", SchedulerConfig.parse({ ...environment, ...settings }), scheduler),
    startRecorder: () => start("dead-letters", DeadLettersConfig.parse(environment), recorder),
    consume: async (service, parts, workers = {}, settings = {}) => {
      const config = ConsumerConfig.parse({ ...environment, ...settings });
      const { context, ready, stop } = makeContext(service, config, config.DATABASE_URL);
      const { log: serviceLog, stop: stopSignal, hurry } = context;
      const request = {
        service,
        parts,
        workers,
        config,
        db: context.db,
        log: serviceLog,
        stop: stopSignal,
        hurry,
      };
      context.running(consume({ ...request, ready: context.ready }));
      await ready;
      return keep(stop);
    },
    reaches: (id, ...states) =>
      eventually(`job ${id} to be ${states.join(" or ")}`, () => seen(db, id, states)),
  };
  const down = async () => {
    await db.destroy();
    await broker.remove();
    await sql`drop database ${sql.id(name)} with (force)`.execute(server);
    await server.destroy();
  };
  return { engine, down };
}

async function seen(db: Database, id: string, states: readonly JobState[]): Promise<SeenJob | undefined> {
  const found = await sql<SeenJob>`
    select state, send, attempt, claim, holds, waits_for, result, progress, last_error, started_at, wake_at
    from duly.jobs where id = ${id}
  `.execute(db);
  return found.rows.find((row) => states.includes(row.state));
}

function makeContext<Config extends ServiceConfig>(name: string, config: Config, url: string) {
  const stop = new AbortController();
  const hurry = new AbortController();
  const ready = Promise.withResolvers<void>();
  const log = watchedLog(name);
  const db = openDatabase({ url, name: `duly test ${name}`, connections: 5, log });
  const works: Promise<unknown>[] = [];
  const steps: (() => Promise<unknown>)[] = [];
  const context: ServiceContext<Config> = {
    name,
    config,
    db,
    log,
    stop: stop.signal,
    hurry: hurry.signal,
    ready: () => ready.resolve(),
    running: (work) => {
      works.push(work);
      work.catch(ready.reject);
    },
    onStop: (step) => void steps.unshift(step),
    consume: () => undefined,
  };
  const end = async (graceMs = 3_000) => {
    stop.abort();
    const timer = setTimeout(() => hurry.abort(), graceMs);
    await Promise.all(works);
    clearTimeout(timer);
    for (const step of steps) await step();
    await db.destroy();
  };
  return { context, ready: ready.promise, stop: end };
}
