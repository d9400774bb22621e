import { sql } from "kysely";
import type { PaymentsDatabase } from "../tables.ts";

const WAIT = "15s";

/**
 * Lets one at a time, over all processes, work on a payer's nonces.
 *
 * It is a session's advisory lock, on the one connection that `work` is given: a transaction's lock would end with the
 * commit that must come before the bytes are offered, and in that gap others could take the nonces behind ours. It
 * ends with its process. Not for a pooler that shares connections between transactions.
 */
export class PayerLock {
  readonly #db: PaymentsDatabase;
  // Who waits here needs no connection for it: waiting handlers cannot use up the pool.
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(db: PaymentsDatabase) {
    this.#db = db;
  }

  /** Runs `work` alone; throws PostgreSQL's `lock_not_available` when another process keeps the payer for 15 s. */
  async hold<Result>(
    payer: string,
    work: (connection: PaymentsDatabase) => Promise<Result>,
  ): Promise<Result> {
    const before = this.#queues.get(payer);
    const mine = this.#after(before, () => this.#locked(payer, work));
    this.#queues.set(payer, mine);
    try {
      return await mine;
    } finally {
      if (this.#queues.get(payer) === mine) this.#queues.delete(payer);
    }
  }

  async #after<Result>(before: Promise<unknown> | undefined, work: () => Promise<Result>): Promise<Result> {
    await Promise.allSettled([before]);
    return work();
  }

  async #locked<Result>(
    payer: string,
    work: (connection: PaymentsDatabase) => Promise<Result>,
  ): Promise<Result> {
    const key = sql`hashtextextended(${`payments.payer ${payer}`}, 0)`;
    return this.#db.connection().execute(async (connection) => {
      // One statement: the limit on waiting holds for it alone.
      await sql`select set_config('lock_timeout', ${WAIT}, true), pg_advisory_lock(${key})`.execute(
        connection,
      );
      try {
        return await work(connection);
      } finally {
        await sql`select pg_advisory_unlock(${key})`.execute(connection);
      }
    });
  }
}
