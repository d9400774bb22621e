import type { Delivery } from "../broker/consume-queue.ts";
import type { JobState } from "../contracts/job-state.ts";
import type { Priority } from "../contracts/priority.ts";
import type { Database } from "../database/database.ts";
import { findJob, lockJobs } from "../jobs/find-job.ts";
import { hold } from "../jobs/hold.ts";
import { hasLooseLetter, type LetterReason, writeLetters, writeLooseLetter } from "../jobs/write-letter.ts";

/** A delivery that nobody can run. */
export interface Unfit {
  readonly delivery: Delivery;
  readonly service: string;
  readonly priority: Priority | undefined;
  readonly reason: LetterReason;
  readonly message: string;
  readonly id: string | undefined;
  readonly send: number | undefined;
  readonly type: string | undefined;
}

// How long a job stays away from a process that is too old for it.
const ELSEWHERE_MS = 5_000;

/** What became of it. */
export type Burial = "job" | "held" | "stale" | "loose";

/**
 * Makes a dead letter of a delivery that cannot be run: of its job when the delivery is live, otherwise of its bytes.
 * A stale delivery of a known job makes none, and a live job of a type that other processes of this service handle, as
 * during a rolling update, is held for them. Acking is the caller's, after the commit; when the process dies in between,
 * the message comes again, and has its letter already.
 */
export async function deadLetterDelivery(db: Database, unfit: Unfit): Promise<Burial> {
  const { id, send, service, priority, reason, type, delivery } = unfit;
  const error = { name: "UnfitDelivery", code: reason, message: unfit.message };
  return db.transaction().execute(async (trx) => {
    if (id !== undefined && send !== undefined) {
      const job = (await lockJobs(trx, [id])).get(id);
      const live = job !== undefined && job.send === send && mayEnd(job.state, reason);
      if (live && reason === "unknown_type" && type === job.type) {
        await hold(trx, { id, waitsFor: `a process that handles ${job.type}`, delayMs: ELSEWHERE_MS, error });
        return "held";
      }
      if (live) {
        await writeLetters(trx, [{ id, attempts: job.attempt }], reason, error);
        return "job";
      }
      const found = await findJob(trx, id);
      if (found.place !== "nowhere") return "stale";
    }
    const { body, headers, exchange, routingKey, queue, messageId, correlationId } = delivery;
    const envelope = { exchange, routingKey, queue, messageId, correlationId, type, headers };
    const letter = {
      service,
      priority,
      reason,
      error,
      type: type?.slice(0, 100),
      jobId: id,
      body,
      headers: envelope,
    };
    if (delivery.redelivered && (await hasLooseLetter(trx, letter))) return "stale";
    await writeLooseLetter(trx, letter);
    return "loose";
  });
}

// A second copy of a running job's delivery must not end it under its holder's hands; one that its queue has given up
// is nobody's any more.
function mayEnd(state: JobState, reason: LetterReason): boolean {
  if (state === "running") return reason === "rejected_by_broker";
  return state === "queued" || state === "retrying";
}
