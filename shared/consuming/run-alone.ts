import { isDatabaseFault } from "../database/database-fault.ts";
import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { endLoneRun } from "../jobs/lone-runs.ts";
import { type Admission, admitAlone } from "./admit-alone.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { ParsedDelivery } from "./parse-delivery.ts";

/**
 * Runs a delivery that processes died with, while nothing else of its queue runs; noted in PostgreSQL before, so that
 * a death while it runs is known to be its own.
 *
 * @param run what any other delivery would have done to it.
 * @returns false when it was not run and is to be acked.
 */
export async function runAlone(
  parsed: ParsedDelivery,
  context: ConsumerContext,
  run: () => Promise<void>,
): Promise<boolean> {
  const { solitude, db, log } = context;
  const runAs = async (inSolitude: boolean): Promise<Admission> => {
    const admission = await admit(parsed, inSolitude, context);
    if (admission === "run" || admission === "leave_to_fence") await run();
    if (admission !== "run") return admission;
    await endLoneRun(db, parsed.id).catch((error: unknown) =>
      log.warn({ err: error, job: parsed.id }, "could not note that a job did not kill its consumer"),
    );
    return admission;
  };
  const admission = await solitude.among(() => runAs(false));
  if (admission !== "run_in_solitude") return admission !== "forget";
  log.warn({ job: parsed.id, queue: context.queue }, "two processes died with a job; now it runs all alone");
  return (await solitude.alone(() => runAs(true))) !== "forget";
}

async function admit(
  parsed: ParsedDelivery,
  inSolitude: boolean,
  context: ConsumerContext,
): Promise<Admission> {
  const { db, hurry, log, queue } = context;
  const ask = (tellDomain: boolean) =>
    untilDatabaseAnswers(
      () => db.transaction().execute((trx) => admitAlone(trx, parsed, { inSolitude, tellDomain }, context)),
      hurry,
      log,
    );
  try {
    return await ask(true);
  } catch (thrown) {
    if (isDatabaseFault(thrown) || thrown instanceof Interrupted) throw thrown;
    log.error({ err: thrown, job: parsed.id, queue }, "recordFailure threw; the letter is made without it");
    return ask(false);
  }
}
