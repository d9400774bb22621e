import type { Delivery } from "../broker/consume-queue.ts";
import { countReady } from "../broker/count-ready.ts";
import { HEADER } from "../broker/headers.ts";
import type { BrokerConnection } from "../broker/hold-connection.ts";
import type { Database } from "../database/database.ts";
import { markQueues } from "../jobs/mark-queues.ts";
import type { Logger } from "../log/logger.ts";
import { pause } from "../time/pause.ts";

const EVERY_MS = 5_000;

/** Tells the sweep up to where this process has consumed its queues, and which of them lie empty. */
export class QueueMarks {
  readonly #queues: readonly string[];
  readonly #db: Database;
  readonly #log: Logger;
  readonly #lastSentMs = new Map<string, number>();

  constructor(queues: readonly string[], db: Database, log: Logger) {
    this.#queues = queues;
    this.#db = db;
    this.#log = log;
  }

  /** Notes a delivery's publish time; one that was held up on its way, as by a wait queue, takes nothing back. */
  note({ queue, headers }: Delivery): void {
    const sentMs = headers[HEADER.sentAt];
    if (typeof sentMs !== "number" || !Number.isSafeInteger(sentMs)) return;
    this.#lastSentMs.set(queue, Math.max(sentMs, this.#lastSentMs.get(queue) ?? 0));
  }

  /** Looks every 5 s as long as a connection lasts; a look that fails is logged, and the next one tries again. */
  async keep(connection: BrokerConnection, end: AbortSignal): Promise<void> {
    for (; !end.aborted; await pause(EVERY_MS, end)) {
      await this.#look(connection, end).catch((error: unknown) => {
        if (!end.aborted) this.#log.warn({ err: error }, "could not mark how far the queues were consumed");
      });
    }
  }

  async #look(connection: BrokerConnection, end: AbortSignal): Promise<void> {
    const ready = await countReady(connection, this.#queues, end, this.#log);
    const seen = [...ready].map(([queue, count]) => ({
      queue,
      lastSentMs: this.#lastSentMs.get(queue),
      isEmpty: count === 0,
    }));
    await markQueues(this.#db, seen);
  }
}
