import { sql } from "kysely";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import { noteRepair } from "#shared/jobs/repairs.ts";
import { requeueOrphans } from "#shared/jobs/requeue-orphans.ts";
import { judgeSuspects, sendStragglers, suspectStragglers } from "#shared/jobs/stragglers.ts";
import type { Logger } from "#shared/log/logger.ts";

/** Of the jobs table, per statement; and for how long it walks on in one sweep. */
const PAGE = 10_000;
const WALK_MS = 250;
const NO_ID = "00000000-0000-0000-0000-000000000000";

/**
 * Finds jobs that nobody will ever deliver again and sends them anew: `running` ones that no heartbeat lists, and
 * stragglers, whose message the broker has lost. Each sweep walks a part of the jobs and goes on there in the next.
 */
export class Sweep {
  readonly #db: Database;
  readonly #log: Logger;
  #walkedTo = NO_ID;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /** Sends orphans again. */
  async orphans(): Promise<void> {
    const sent = await this.#db.transaction().execute(async (trx) => {
      const jobs = await requeueOrphans(trx);
      if (jobs > 0) await noteRepair(trx, "orphans", jobs, {});
      return jobs;
    });
    if (sent > 0) crashPoint("scheduler.swept");
    if (sent > 0) this.#log.warn({ sent }, "sent jobs again whose consumer is gone");
  }

  /** Sends stragglers again that earlier sweeps came to suspect, and looks for further suspects. One scheduler at a time. */
  async stragglers(): Promise<void> {
    const found = await this.#db.transaction().execute(async (trx) => {
      const free = await sql<{ locked: boolean }>`
        select pg_try_advisory_xact_lock(hashtext('duly.sweep')) as locked`.execute(trx);
      if (free.rows[0]?.locked !== true) return [];
      await judgeSuspects(trx);
      const stragglers = await sendStragglers(trx);
      for (const { queue, jobs } of stragglers) await noteRepair(trx, "stragglers", jobs, { queue });
      await this.#walk(trx);
      return stragglers;
    });
    if (found.length > 0) crashPoint("scheduler.swept");
    for (const { queue, jobs } of found)
      this.#log.warn({ queue, sent: jobs }, "sent jobs again whose message was lost in the broker");
  }

  async #walk(trx: Database): Promise<void> {
    const end = performance.now() + WALK_MS;
    do {
      const { last } = await suspectStragglers(trx, this.#walkedTo, PAGE);
      this.#walkedTo = last ?? NO_ID;
    } while (this.#walkedTo !== NO_ID && performance.now() < end);
  }
}
