import { readStraight } from "../outbox/take-straight.ts";
import { pause } from "../time/pause.ts";
import type { OpenWorkQueue } from "./open-work-queue.ts";
import { straightDelivery } from "./straight-delivery.ts";

const LOOK_MS = 100;
const NEXT_PAGE_MS = 1;
const FROM_THE_START = "0";

/**
 * Keeps critical work flowing while this process has lost RabbitMQ: takes its jobs straight from the outbox.
 *
 * A row is taken in the transaction that settles or claims its job, so a relay that comes back and this one never both
 * have it. Ends by itself when the broker is back: what is left goes the usual way.
 */
export async function consumeStraight(
  { context, take, intake }: OpenWorkQueue,
  stop: AbortSignal,
): Promise<void> {
  const { db, service, link, log } = context;
  const inHand = new Set<string>();
  let wasAway = false;
  let above = FROM_THE_START;
  // Midway through many rows it goes on at once.
  for (; !stop.aborted; await pause(above === FROM_THE_START ? LOOK_MS : NEXT_PAGE_MS, stop)) {
    if (link.isAway !== wasAway) {
      wasAway = link.isAway;
      if (wasAway)
        log.warn({ queue: context.queue }, "RabbitMQ is away: taking critical jobs from PostgreSQL");
      else log.info({ queue: context.queue }, "RabbitMQ is back: critical jobs come from there again");
    }
    const room = intake.prefetch - inHand.size;
    if (!wasAway || room <= 0) {
      above = FROM_THE_START;
      continue;
    }
    try {
      const { jobs, upTo = FROM_THE_START } = await readStraight(db, {
        service,
        above,
        inHand: [...inHand],
        limit: room,
      });
      above = upTo;
      for (const job of jobs) {
        inHand.add(job.outboxId);
        take(straightDelivery(job, context))
          .catch((error: unknown) =>
            log.error({ err: error, job: job.id }, "a critical job could not be run"),
          )
          .finally(() => inHand.delete(job.outboxId));
      }
    } catch (error) {
      above = FROM_THE_START;
      log.warn({ err: error }, "could not look for critical jobs in the outbox; looking again");
    }
  }
}
