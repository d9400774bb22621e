import type { Delivery } from "../broker/consume-queue.ts";
import { crashPoint } from "../config/crash-point.ts";
import type { Database } from "../database/database.ts";
import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { leaveProbe } from "../gates/probe.ts";
import { findJob } from "../jobs/find-job.ts";
import { giveBackJob } from "../jobs/give-back.ts";
import { type TakenJob, takeJob, takeOver } from "../jobs/take-job.ts";
import { takeStraight } from "../outbox/take-straight.ts";
import { attemptThroughGates } from "./attempt-through-gates.ts";
import { awaitDueTime } from "./await-due-time.ts";
import { buryUnknownJob } from "./bury-unknown-job.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Handler } from "./handle.ts";
import { isAlive } from "./heartbeat.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";
import type { Run } from "./run.ts";
import { settleRun } from "./settle-run.ts";
import { outboxIdOf } from "./straight-delivery.ts";

type PerformingHandler = Handler & { readonly perform: NonNullable<Handler["perform"]> };

/** Whether a handler has an outside effect. */
export function isPerforming(handler: Handler): handler is PerformingHandler {
  return handler.perform !== undefined;
}

/**
 * The life of a delivery whose handler has an outside effect: claim, run, settle; the caller acks after that.
 *
 * `probeOf` names the gate whose probe it is.
 *
 * @returns whether the delivery is to be acked; not when this process stops in the middle: then the job is given back,
 *   and the delivery with it.
 */
export async function performDelivery(
  delivery: Delivery,
  parsed: ParsedDelivery,
  context: ConsumerContext,
  probeOf?: string,
): Promise<boolean> {
  const { handler } = parsed;
  if (!isPerforming(handler))
    throw new TypeError(`the handler of ${handler.definition.type} does not perform`);
  const job = await untilDatabaseAnswers(() => claim(delivery, parsed, context), context.hurry, context.log);
  if (job === undefined) {
    if (probeOf !== undefined) await leaveProbe(context.db, { gate: probeOf, jobId: parsed.id });
    return true;
  }
  crashPoint("consumer.claimed");
  if (!(await isDue(job, context))) return giveBack({ job, delivery }, false, context);
  const startedAt = new Date();
  const inDoubt = job.intent_before !== null && job.intent_before !== "unsent";
  const claimed: Run = { job, handler, payload: parsed.payload, intentNumber: job.intent_number, inDoubt };
  const { run, outcome } = await untilDatabaseAnswers(
    () => attemptThroughGates(claimed, probeOf, context),
    context.hurry,
    context.log,
  );
  if (outcome.kind === "interrupted") return giveBack({ job, delivery }, outcome.begun, context);
  const settlement = await settleRun(run, outcome, startedAt, context);
  context.log.debug(
    { job: job.id, type: job.type, attempt: job.attempt + 1, outcome: outcome.kind, settlement },
    "settled",
  );
  return true;
}

async function isDue(job: TakenJob, { hurry }: ConsumerContext): Promise<boolean> {
  try {
    await awaitDueTime([job], hurry);
    return true;
  } catch (error) {
    if (error instanceof Interrupted) return false;
    throw error;
  }
}

// The delivery goes back with it. One whose channel is gone came to others, who may have left the job to this holder,
// or was lost with its broker, and one straight from the outbox has left no message: then the job is sent again.
async function giveBack(
  { job, delivery }: { readonly job: TakenJob; readonly delivery: Delivery },
  begun: boolean,
  { db, log, hurry }: ConsumerContext,
): Promise<boolean> {
  if (!hurry.aborted) return true; // it was interrupted by another claim: the job is that one's
  const again = delivery.isGone() || outboxIdOf(delivery) !== undefined;
  await giveBackJob(db, job, { begun, again }).catch((error: unknown) =>
    log.warn({ err: error, job: job.id }, "could not give a job back; whoever gets it next takes it over"),
  );
  return false;
}

// A job straight from the outbox is claimed together with its row, so that no relay can still publish it.
async function takeDelivered(
  delivery: Delivery,
  wanted: Parameters<typeof takeJob>[1],
  db: Database,
): Promise<TakenJob | undefined> {
  const outboxId = outboxIdOf(delivery);
  if (outboxId === undefined) return takeJob(db, wanted);
  return db.transaction().execute(async (trx) => {
    const taken = await takeStraight(trx, [outboxId]);
    return taken.has(outboxId) ? takeJob(trx, wanted) : undefined;
  });
}

// The fence. A delivery that is not live is acked and forgotten, except for two that are: a redelivered one whose
// holder is gone, and one of a job that nobody has ever heard of.
async function claim(
  delivery: Delivery,
  parsed: ParsedDelivery,
  context: ConsumerContext,
): Promise<TakenJob | undefined> {
  const { id, send, handler } = parsed;
  const { db, instance, hand } = context;
  const taken = await takeDelivered(delivery, { id, send, holder: instance }, db);
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
