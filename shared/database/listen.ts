import pg from "pg";
import type { Logger } from "../log/logger.ts";
import { growingDelay } from "../time/growing-delay.ts";
import { pause } from "../time/pause.ts";

export interface ListenOptions {
  readonly url: string;
  readonly name: string;
  readonly channels: readonly string[];
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Called for each notification, and once after every (re)connect with undefined: something may have been missed. */
  readonly onNotify: (channel: string | undefined, payload: string) => void;
}

/** Listens to notifications on a connection of its own, reconnecting until `signal`; a lost one is only a late look. */
export async function listen(options: ListenOptions): Promise<void> {
  const { signal, log } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const began = Date.now();
      await listenOnce(options);
      if (Date.now() - began > 10_000) failures = 0;
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error }, "the listening database connection is not there; trying again");
    }
    if (!signal.aborted) await pause(growingDelay(failures + 1, 100, 5_000), signal);
  }
}

/** Nothing is what a listener hears of a network that swallows everything, too: so it asks now and then. */
const ASK_EVERY_MS = 5_000;
const ANSWER_MS = 3_000;
const GOODBYE_MS = 2_000;

async function keepAsking(client: pg.Client, signal: AbortSignal): Promise<void> {
  for (await pause(ASK_EVERY_MS, signal); !signal.aborted; await pause(ASK_EVERY_MS, signal))
    await client.query("select 1");
}

async function listenOnce(options: ListenOptions): Promise<void> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: options.name,
    connectionTimeoutMillis: 10_000,
    query_timeout: ANSWER_MS,
    keepAlive: true,
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const over = new AbortController();
  const onAbort = () => resolve();
  client.on("error", reject);
  client.on("end", () => reject(new Error("PostgreSQL ended the listening connection")));
  client.on("notification", ({ channel, payload }) => options.onNotify(channel, payload ?? ""));
  options.signal.addEventListener("abort", onAbort, { once: true });
  try {
    await client.connect();
    for (const channel of options.channels) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    options.onNotify(undefined, "");
    await Promise.race([ended, keepAsking(client, over.signal)]);
  } finally {
    options.signal.removeEventListener("abort", onAbort);
    over.abort();
    ended.catch((error: unknown) => options.log.debug({ err: error }, "the listening connection ended"));
    // The goodbye may get lost, too.
    await Promise.race([client.end(), pause(GOODBYE_MS, new AbortController().signal)]);
  }
}
