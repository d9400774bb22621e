import type { Socket } from "node:net";
import pg from "pg";
import type { Logger } from "../log/logger.ts";
import { growingDelay } from "../time/growing-delay.ts";

/** A query that nothing is heard of for so long is asked about. */
const SILENCE_MS = 5_000;
/** How long the server has to say what has become of it, when it is asked, and when it is asked once more. */
const ANSWERS_MS = [2_000, 5_000];
/** The server lives and has no connection free for the question. */
const TOO_MANY_CONNECTIONS = /^(53300|53200)$/;

/** What the driver knows of itself, and its types do not. */
interface DriverClient {
  readonly connection: { readonly stream: Socket };
  /** Not while a query is under way. */
  readonly readyForQuery: boolean;
  /** The server's process for this connection. */
  readonly processID: number;
}

/**
 * Ends a connection whose query was lost on the way: a network that swallows what it is given leaves both ends waiting
 * for ever, and TCP, which was told that it arrived, does not notice.
 *
 * Before that the server is asked: a query that it is at work on may take as long as it likes. One that cannot even take
 * the question is asked a second time, with more patience, for it may only be busy.
 */
export function endWhenSilent(client: pg.PoolClient, url: string, log: Logger): void {
  const driver = client as unknown as DriverClient;
  const { stream } = driver.connection;
  let asked = 0;
  const onSilence = async () => {
    if (driver.readyForQuery || stream.destroyed) return;
    const heard = stream.bytesRead;
    const isAtWork = await askTwice(url, driver.processID, log);
    if (driver.readyForQuery || stream.bytesRead > heard) return; // it answered meanwhile
    if (isAtWork) {
      asked += 1;
      stream.setTimeout(growingDelay(asked, SILENCE_MS, 60_000));
      return;
    }
    log.warn("PostgreSQL knows nothing of a query that was sent to it; ending that connection");
    stream.destroy();
  };
  stream.setTimeout(SILENCE_MS);
  stream.on("timeout", () => void onSilence());
}

async function askTwice(url: string, processId: number, log: Logger): Promise<boolean> {
  for (const withinMs of ANSWERS_MS) {
    const isAtWork = await ask(url, processId, withinMs, log);
    if (isAtWork !== undefined) return isAtWork;
  }
  return false;
}

/** Whether the server is at work for a connection; undefined when it does not answer. */
async function ask(
  url: string,
  processId: number,
  withinMs: number,
  log: Logger,
): Promise<boolean | undefined> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "duly question",
    connectionTimeoutMillis: withinMs,
    query_timeout: withinMs,
  });
  client.on("error", (error) => log.debug({ err: error }, "the connection of a question broke"));
  try {
    await client.connect();
    const found = await client.query<{ state: string | null }>(
      "select state from pg_stat_activity where pid = $1",
      [processId],
    );
    return found.rows[0]?.state === "active";
  } catch (error) {
    log.debug({ err: error }, "PostgreSQL did not answer a question");
    return TOO_MANY_CONNECTIONS.test(String((error as { code?: unknown }).code)) ? true : undefined;
  } finally {
    // Not waited for: the goodbye may get lost, too.
    client.end().catch((error: unknown) => log.debug({ err: error }, "the connection of a question broke"));
  }
}
