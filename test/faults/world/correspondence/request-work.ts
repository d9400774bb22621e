import { setTimeout as sleep } from "node:timers/promises";
import { ReportTransactions } from "#shared/contracts/reports.ts";
import { type Database, enqueueMany } from "#shared/index.ts";
import { scheduleMessages } from "../../../../services/messages/schedule-messages.ts";
import type { OtpCipher } from "../../../../services/notifications/otp-cipher.ts";
import { requestOtps } from "../../../../services/notifications/request-otp.ts";
import type { Post } from "./posts.ts";
import type { ReportOrder } from "./transactions.ts";

/** What the services of the branch are asked to do. */
export interface Work {
  readonly posts: readonly Post[];
  readonly reports: readonly ReportOrder[];
}

/** Longer than any round. */
const VALID_MS = 24 * 3_600_000;
const STEP_MS = 250;

/**
 * Asks the services, by their own functions: for messages and reports at once, each due in its time, and for each code
 * when it is due, for codes are never asked for ahead. Resolves to the jobs of the reports, in their order.
 */
export async function requestWork(
  db: Database,
  cipher: OtpCipher,
  { posts, reports }: Work,
): Promise<string[]> {
  const beganAt = Date.now();
  const messages = posts.filter(({ kind }) => kind === "message");
  if (messages.length > 0)
    await scheduleMessages(
      db,
      messages.map(({ to, text = "", afterMs }) => ({ to: `+${to}`, text, in: afterMs })),
    );
  const jobs = await db.transaction().execute((trx) =>
    enqueueMany(
      trx,
      ReportTransactions,
      reports.map(({ from, until, afterMs }) => ({
        payload: { from, until },
        runAt: new Date(beganAt + afterMs),
      })),
    ),
  );
  const codes = posts.filter(({ kind }) => kind === "code").toSorted((a, b) => a.afterMs - b.afterMs);
  while (codes.length > 0) {
    const passed = Date.now() - beganAt;
    const due = codes.filter(({ afterMs }) => afterMs <= passed);
    codes.splice(0, due.length);
    await requestOtps(db, cipher, { emails: due.map(({ to }) => to), validForMs: VALID_MS });
    await sleep(STEP_MS);
  }
  return jobs;
}
