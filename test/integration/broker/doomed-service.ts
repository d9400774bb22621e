/** A consumer service for tests that kill it: its jobs wait at a lock in PostgreSQL, and say in a table that they ran. */
import { sql } from "kysely";
import { z } from "zod";
import { ConsumerConfig, defineJob, handle, RetryableError, runService } from "#shared/index.ts";

const definition = defineJob("doomed.work", {
  payload: z.object({
    lock: z.number().optional(),
    fails: z.number().default(0),
    stallMs: z.number().default(0),
  }),
  priority: "high",
  attempts: 3,
  backoff: [1_000],
});

await runService("doomed", ConsumerConfig, async ({ consume }) => {
  const work = handle(definition, {
    effects: "atLeastOnce",
    perform: async ({ payload: { lock, fails, stallMs }, job, db }) => {
      await sql`insert into ran (job, attempt) values (${job.id}, ${job.attempt})`.execute(db);
      // Nothing else of this process runs meanwhile, its heartbeats neither.
      for (const end = Date.now() + stallMs; Date.now() < end; );
      if (lock !== undefined) {
        await db.transaction().execute((trx) => sql`select pg_advisory_xact_lock(${lock})`.execute(trx));
      }
      if (job.attempt <= fails) throw new RetryableError("busy", "not now", { effect: "none" });
    },
    record: async (trx, _, { job }) => {
      await sql`insert into effects (job) values (${job.id})`.execute(trx);
    },
  });
  consume([work], { workers: { high: 5 } });
  await Promise.resolve();
});
