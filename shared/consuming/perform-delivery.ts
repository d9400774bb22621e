import type { Delivery } from "../broker/consume-queue.ts";
import { crashPoint } from "../config/crash-point.ts";
import { findJob } from "../jobs/find-job.ts";
import { type TakenJob, takeJob, takeOver } from "../jobs/take-job.ts";
import { attempt } from "./attempt.ts";
import { awaitDueTime } from "./await-due-time.ts";
import { buryUnknownJob } from "./bury-unknown-job.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Handler } from "./handle.ts";
import { isAlive } from "./heartbeat.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";
import type { Run } from "./run.ts";
import { settleRun } from "./settle-run.ts";
import { untilDatabaseAnswers } from "./until-database-answers.ts";

export type PerformingHandler = Handler & { readonly perform: NonNullable<Handler["perform"]> };

/**
 * The life of a delivery whose handler has an outside effect: claim, run, settle; the caller acks after that.
 *
 * @returns whether the delivery is to be acked; not when this process stops in the middle: then it comes again.
 */
export async function performDelivery(
  delivery: Delivery,
  parsed: ParsedDelivery,
  handler: PerformingHandler,
  context: ConsumerContext,
): Promise<boolean> {
  const job = await untilDatabaseAnswers(
    () => claim(delivery, parsed, handler, context),
    context.hurry,
    context.log,
  );
  if (job === undefined) return true;
  crashPoint("consumer.claimed");
  await awaitDueTime([job], context.hurry);
  const startedAt = new Date();
  const inDoubt = job.intent_before !== null && job.intent_before !== "unsent";
  const claimed: Run = { job, handler, payload: parsed.payload, intentNumber: job.intent_number, inDoubt };
  const { run, outcome } = await untilDatabaseAnswers(
    () => attempt(claimed, context),
    context.hurry,
    context.log,
  );
  if (outcome.kind === "interrupted") return false;
  const settlement = await settleRun(run, outcome, startedAt, context);
  context.log.debug(
    { job: job.id, type: job.type, attempt: job.attempt + 1, outcome: outcome.kind, settlement },
    "settled",
  );
  return true;
}

// The fence. A delivery that is not live is acked and forgotten, except for two that are: a redelivered one whose
// holder is gone, and one of a job that nobody has ever heard of.
async function claim(
  delivery: Delivery,
  parsed: ParsedDelivery,
  handler: PerformingHandler,
  context: ConsumerContext,
): Promise<TakenJob | undefined> {
  const { id, send } = parsed;
  const { db, instance, hand } = context;
  const taken = await takeJob(db, { id, send, holder: instance });
  if (taken !== undefined) return taken;
  const found = await findJob(db, id);
  if (found.place === "nowhere") {
    await buryUnknownJob(delivery, parsed, context);
    return undefined;
  }
  if (found.place !== "jobs" || found.job.send !== send || found.job.state !== "running") return undefined;
  // Held by this very process and not at work here: the answer to its claim was lost on the way.
  const { holder } = found.job;
  const isOurs = holder === instance;
  if (hand.isTwice(id) || !(delivery.redelivered || isOurs)) return undefined;
  // The holder's channel is gone, which need not mean the holder: without a key two of them would do it twice, so as
  // long as it shows signs of life the job stays its own, and the sweep succeeds it.
  if (handler.effects !== "keyed" && holder !== null && !isOurs && (await isAlive(db, holder)))
    return undefined;
  return takeOver(db, { id, send, claim: found.job.claim, holder: instance });
}
