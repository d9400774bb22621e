import type { Delivery } from "../broker/consume-queue.ts";
import { HEADER } from "../broker/headers.ts";
import { crashPoint } from "../config/crash-point.ts";
import { untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { isUuid } from "../jobs/is-uuid.ts";
import { parkAgain, replayLetter } from "../jobs/replay-letter.ts";
import { writeLooseLetter } from "../jobs/write-letter.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { SettlingTransaction } from "./handle.ts";

/** The letter that a delivery is the parked copy of: somebody moved it here with RabbitMQ's "Move messages". */
export function letterOf({ headers }: Delivery): string | undefined {
  const letter = headers[HEADER.letter];
  return typeof letter === "string" && isUuid(letter) ? letter : undefined;
}

/**
 * Takes a parked copy on a work queue for what it is, a replay by hand: the letter is closed and its job sent anew.
 *
 * A copy of a closed letter is forgotten; one whose job cannot be sent again goes back to the parked queue.
 */
export async function replayByHand(
  delivery: Delivery,
  letterId: string,
  context: ConsumerContext,
): Promise<void> {
  const { db, hurry, log, queue, service, priority } = context;
  const replay = () =>
    db.transaction().execute(async (trx) => {
      const outcome = await replayLetter(trx, letterId);
      if (outcome === "superseded" || outcome === "no_job") await parkAgain(trx, letterId);
      if (outcome === "unknown") await keepBytes(trx, delivery, { service, priority });
      crashPoint("consumer.replaying");
      return outcome;
    });
  const outcome = await untilDatabaseAnswers(replay, hurry, log);
  log.info({ letter: letterId, queue, outcome }, "a letter's copy was put on a work queue by hand");
  crashPoint("consumer.replayed");
  delivery.ack();
}

// A copy of a letter that PostgreSQL does not know, after a restore, say: its bytes become a letter of their own.
async function keepBytes(
  trx: SettlingTransaction,
  { body, headers, type, messageId }: Delivery,
  where: Pick<ConsumerContext, "service" | "priority">,
): Promise<void> {
  const error = {
    name: "UnknownLetter",
    message: "a parked copy whose letter is not known was put on a work queue",
  };
  await writeLooseLetter(trx, {
    ...where,
    reason: "unknown_job",
    error,
    type,
    body,
    headers: { ...headers, messageId },
  });
}
