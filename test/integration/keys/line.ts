import { sql } from "kysely";
import { z } from "zod";
import type { Database } from "#shared/database/database.ts";
import { defineJob, PRIORITIES } from "#shared/index.ts";
import { promote } from "#shared/jobs/promote.ts";

/** A kind of job whose dead letter holds its line up, and one whose dead letter does not. */
export const Step = defineJob("test.step", { payload: z.object({ n: z.int() }), priorities: PRIORITIES });
export const Hop = defineJob("test.hop", { payload: z.object({ n: z.int() }), onDeadLetter: "continue" });

/** Looks as a promoter does, until there is nothing to be done. */
export async function promoteAll(db: Database, limit = 200): Promise<void> {
  while ((await db.transaction().execute((trx) => promote(trx, limit))) > 0);
}

/** The jobs of a line in the order in which they were enqueued: `<n> <state>`. */
export async function lineOf(db: Database, orderingKey: string): Promise<string[]> {
  const found = await sql<{ line: string }>`
    select format('%s %s', payload ->> 'n', state) as line from duly.jobs where ordering_key = ${orderingKey}
    order by number
  `.execute(db);
  return found.rows.map((row) => row.line);
}

/** The outbox rows of a job: the sends that have still to be published. */
export async function sendsOf(db: Database, id: string): Promise<number[]> {
  const rows = await sql<{
    send: number;
  }>`select send from duly.outbox where ref = ${id} order by id`.execute(db);
  return rows.rows.map((row) => row.send);
}

/** Holds a transaction open: what `work` did is committed or rolled back when the returned function says so. */
export async function holdOpen(db: Database, work: (trx: Database) => Promise<unknown>) {
  const done = Promise.withResolvers<void>();
  const end = Promise.withResolvers<"commit" | "roll back">();
  const transaction = db.transaction().execute(async (trx) => {
    await work(trx);
    done.resolve();
    if ((await end.promise) === "roll back") throw new RolledBack();
  });
  const ended = transaction.catch((error: unknown) => {
    done.reject(error);
    if (!(error instanceof RolledBack)) throw error;
  });
  await done.promise;
  return (how: "commit" | "roll back") => (end.resolve(how), ended);
}

class RolledBack extends Error {}
