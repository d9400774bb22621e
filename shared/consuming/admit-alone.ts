import { DulyError } from "../errors/errors.ts";
import { noteError } from "../errors/note-error.ts";
import { lockJobs } from "../jobs/find-job.ts";
import { freeUniqueKeys } from "../jobs/free-unique-keys.ts";
import { hold } from "../jobs/hold.ts";
import type { JobRow } from "../jobs/job-row.ts";
import { findLoneRun, type LoneRun, noteLoneRun } from "../jobs/lone-runs.ts";
import { writeLetters } from "../jobs/write-letter.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { SettlingTransaction } from "./handle.ts";
import { isAlive } from "./heartbeat.ts";
import { jobInHand } from "./job-in-hand.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";

/** After so many deaths of processes that ran a job alone, it is not run any more. */
const DEADLY = 3;

/**
 * What is to be done with a delivery that processes died with: `run` it alone on its queue · `run_in_solitude` the next
 * death decides, so nothing else may run in this process that could be its cause · `forget` the delivery: the job is
 * another's, waits, or is buried · `leave_to_fence` it is not live, or this very process is at work on it.
 */
export type Admission = "run" | "run_in_solitude" | "forget" | "leave_to_fence";

/** How a delivery asks to be admitted. */
export interface AdmissionRequest {
  /** Whether nothing else runs in this process. */
  readonly inSolitude: boolean;
  /** Whether `recordFailure` is to be called with a letter; not once it has thrown. */
  readonly tellDomain: boolean;
}

/** A job was in the hands of processes that died, and it is not known yet whether it killed the last one. */
class ConsumerDiedError extends DulyError {}

/**
 * Weighs a delivery that processes died with, and notes that this process is about to run it alone.
 *
 * A death counts only when the process that noted a run has fallen silent, which takes 30 s; until then the job waits.
 * After three deaths it becomes a dead letter without running.
 */
export async function admitAlone(
  trx: SettlingTransaction,
  parsed: ParsedDelivery,
  { inSolitude, tellDomain }: AdmissionRequest,
  { queue, instance }: ConsumerContext,
): Promise<Admission> {
  const { id, send } = parsed;
  const row = (await lockJobs(trx, [id])).get(id);
  if (row === undefined || row.send !== send || !isUnsettled(row) || row.holder === instance)
    return "leave_to_fence";
  // Its holder need not be dead: it may have lost only its channel. The sweep succeeds it when it is.
  if (row.holder !== null && (await isAlive(trx, row.holder))) return "forget";

  const before = await findLoneRun(trx, id);
  if (before !== undefined && before.instance !== instance && before.former === "maybe") {
    await waitForCertainty(trx, id, before);
    return "forget";
  }
  const deaths = deathsOf(before, instance);
  if (deaths >= DEADLY) {
    await bury(trx, row, { ...parsed, tellDomain }, deaths);
    return "forget";
  }
  if (deaths === DEADLY - 1 && !inSolitude) return "run_in_solitude";
  await noteLoneRun(trx, { jobId: id, queue, instance, deaths });
  return "run";
}

function isUnsettled({ state }: JobRow): boolean {
  return state === "queued" || state === "retrying" || state === "running";
}

function deathsOf(before: LoneRun | undefined, instance: string): number {
  if (before === undefined) return 0;
  return before.deaths + (before.instance !== instance && before.former === "silent" ? 1 : 0);
}

async function waitForCertainty(
  trx: SettlingTransaction,
  id: string,
  { silentInMs }: LoneRun,
): Promise<void> {
  const error = new ConsumerDiedError(
    "consumer_died",
    "a process died, or was cut off, while it ran this job",
  );
  const waitsFor = "certainty that the process that ran it last is gone";
  await hold(trx, { id, waitsFor, delayMs: silentInMs + 1_000, error: noteError(error) });
}

async function bury(
  trx: SettlingTransaction,
  row: JobRow,
  { handler, payload, tellDomain }: ParsedDelivery & { readonly tellDomain: boolean },
  deaths: number,
): Promise<void> {
  const message = `${deaths} processes died while they ran job ${row.id} and nothing else of its queue`;
  const error = new ConsumerDiedError("killed_its_consumer", message);
  await freeUniqueKeys(trx, [row]);
  if (tellDomain) await handler.recordFailure?.(trx, error, { job: jobInHand(row), payload });
  await writeLetters(trx, [{ id: row.id, attempts: row.attempt }], "killed_its_consumer", noteError(error));
}
