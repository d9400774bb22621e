import type { Database } from "#shared/database/database.ts";
import type { Logger } from "#shared/log/logger.ts";
import { askStraight } from "#shared/outbox/ask-straight.ts";
import { Bell } from "#shared/time/bell.ts";

const ASK_EVERY_MS = 500;
/** Until it rings: the longest that a timer can wait. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Whether critical jobs get out to RabbitMQ by this relay. While they do not, it asks the consumers to take them straight
 * from the outbox, for these may not notice: an alarm of the broker stops only who publishes, a dead link only who is
 * behind it.
 */
export class Outlet {
  readonly #bell = new Bell();
  #isOpen = false;

  /** They get out, as far as is known. */
  open(): void {
    this.#isOpen = true;
  }

  /** They do not, and consumers hear of it at once. */
  shut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#bell.ring();
  }

  /** Asks every half second while it is shut, until `end`. A call that PostgreSQL does not take is followed by the next. */
  async keepAsking(db: Database, log: Logger, end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await this.#bell.wait(this.#isOpen ? NEVER_MS : ASK_EVERY_MS, end);
      if (this.#isOpen || end.aborted) continue;
      await askStraight(db).catch((error: unknown) =>
        log.warn({ err: error }, "could not ask the consumers to take critical jobs from the outbox"),
      );
    }
  }
}
