import type { Delivery } from "../broker/consume-queue.ts";
import { HEADER } from "../broker/headers.ts";
import { parkAgain, replayLetter } from "../jobs/replay-letter.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { untilDatabaseAnswers } from "./until-database-answers.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The letter that a delivery is the parked copy of: somebody moved it here with RabbitMQ's "Move messages". */
export function letterOf({ headers }: Delivery): string | undefined {
  const letter = headers[HEADER.letter];
  return typeof letter === "string" && UUID.test(letter) ? letter : undefined;
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
  const { db, hurry, log, queue } = context;
  const replay = () =>
    db.transaction().execute(async (trx) => {
      const outcome = await replayLetter(trx, letterId);
      if (outcome === "superseded" || outcome === "no_job") await parkAgain(trx, letterId);
      return outcome;
    });
  const outcome = await untilDatabaseAnswers(replay, hurry, log);
  log.info({ letter: letterId, queue, outcome }, "a letter's copy was put on a work queue by hand");
  delivery.ack();
}
