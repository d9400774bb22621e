import type { QueryExecutorProvider } from "kysely";
import type { OutgoingMessage } from "#shared/broker/publish-batch.ts";
import type { JobState } from "#shared/contracts/job-state.ts";
import { lockJobs } from "#shared/jobs/find-job.ts";
import { writeLetters, writeLooseLetter } from "#shared/jobs/write-letter.ts";
import type { Logger } from "#shared/log/logger.ts";
import { isPriority } from "#shared/outbox/lanes.ts";
import type { Composed } from "./compose-messages.ts";

const WAITING: ReadonlySet<JobState> = new Set(["queued", "retrying"]);

/** A row that the broker can never take, and why. */
export interface Unpublishable extends Composed {
  readonly message: OutgoingMessage;
  readonly reason: string;
}

/**
 * Makes a dead letter of each row that can never be published, so that none stops the relay.
 *
 * A parked copy that cannot be published makes no second letter: its letter stands in PostgreSQL already.
 */
export async function bury(
  trx: QueryExecutorProvider,
  rows: readonly Unpublishable[],
  log: Logger,
): Promise<void> {
  for (const { row, message, attempts, reason } of rows) {
    log.error({ lane: row.lane, ref: row.ref, reason }, "a message can never be published");
    const error = { name: "Unpublishable", code: "unpublishable", message: reason };
    if (isPriority(row.lane)) {
      const job = (await lockJobs(trx, [row.ref])).get(row.ref);
      // It may have ended or been sent anew since it was read.
      if (job === undefined || job.send !== row.send || !WAITING.has(job.state)) continue;
      await writeLetters(trx, [{ id: row.ref, attempts }], "unpublishable", error);
    } else if (row.lane === "event") {
      const { type } = message.properties;
      await writeLooseLetter(trx, {
        service: "duly",
        reason: "unpublishable",
        error,
        type,
        body: message.body,
      });
    }
  }
}
