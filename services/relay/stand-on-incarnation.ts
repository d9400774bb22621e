import type { BrokerConnection } from "#shared/broker/hold-connection.ts";
import { hasMarker, putMarker } from "#shared/broker/incarnation-marker.ts";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import {
  beginIncarnation,
  type Incarnation,
  lockIncarnation,
  noteMarked,
  readIncarnation,
} from "#shared/jobs/incarnation.ts";
import type { Logger } from "#shared/log/logger.ts";

export interface StandOptions {
  readonly db: Database;
  readonly connection: BrokerConnection;
  /** Declares every exchange and queue on this connection. */
  readonly declare: () => Promise<void>;
  readonly log: Logger;
}

/**
 * Makes sure that what was sent before is on the broker of this connection; nothing may be published on it before this.
 *
 * The broker holds a marker of the incarnation that PostgreSQL names. Where it is missing although it was put there, the
 * broker has lost its data, and all that only it had goes out again. The order is what makes it safe to die anywhere:
 * first the rows and the new incarnation in one transaction, then the queues, then the marker, then the note that it is
 * there. Until that note nothing is published, so an incarnation without it holds nothing that could be missing.
 */
export async function standOnIncarnation(options: StandOptions): Promise<void> {
  const { db, connection, declare, log } = options;
  for (let declared = false; ; ) {
    const incarnation = await readIncarnation(db);
    const isMarked = await hasMarker(connection, incarnation.id, log);
    if (!isMarked && incarnation.marked) {
      await replace(incarnation, options);
      continue;
    }
    if (!declared) await declare();
    declared = true;
    if (isMarked && incarnation.marked) return;
    if (isMarked) await noteMarked(db, incarnation.id);
    else {
      await putMarker(connection, incarnation.id, log);
      crashPoint("relay.incarnation-marked");
    }
  }
}

// Everything is read again under the lock: another relay may have been faster.
async function replace(lost: Incarnation, { db, connection, log }: StandOptions): Promise<void> {
  const report = await db.transaction().execute(async (trx) => {
    await lockIncarnation(trx);
    const incarnation = await readIncarnation(trx);
    if (incarnation.id !== lost.id || !incarnation.marked) return undefined;
    if (await hasMarker(connection, incarnation.id, log)) return undefined;
    return beginIncarnation(trx);
  });
  crashPoint("relay.incarnation-begun");
  if (report !== undefined)
    log.warn(report, "the broker has lost its data; all that only it had is sent again");
}
