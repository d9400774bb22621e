import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { jobMessage } from "#shared/broker/job-message.ts";
import { workQueue } from "#shared/broker/names.ts";
import { readJobs } from "#shared/outbox/read-jobs.ts";
import type { Round, Scenario } from "../scenario.ts";

const SHARE = 0.1;
const EVERY_MS = 250;

/**
 * One message in ten comes twice: its copy as early as the row is there, and so often before the message itself, or
 * before a backoff is over, or after all is done. The copies go straight to the queue: a queue bound to `duly.jobs` for
 * a while would let the wait queues stall when it goes.
 */
export const duplicates: Scenario = {
  name: "duplicates",
  what: "10 % of all messages of jobs delivered twice, the copy earlier or later and out of order",
  rounds: 5,
  noDuplicates: true,
  exactAttempts: true,
  load: { perSecond: 150 },
  inject: async (round) => {
    const connection = await round.world.broker.connect();
    const channel = await connection.createConfirmChannel();
    for (const end = Date.now() + (round.quick ? 15_000 : 60_000); Date.now() < end; await sleep(EVERY_MS)) {
      const jobs = await readJobs(round.world.db, await someJobs(round));
      for (const job of jobs.values()) {
        if (job.payload === null) continue;
        const message = jobMessage({ ...job, payload: job.payload, delayMs: undefined }, Date.now());
        channel.publish("", workQueue(job.service, job.priority), message.body, message.properties);
        round.did("message delivered twice");
      }
      await channel.waitForConfirms();
    }
    await connection.close();
  },
};

// Under way or just done, at most as many as make a tenth of what is sent meanwhile.
async function someJobs({ world, name }: Round): Promise<string[]> {
  const result = await sql<{ job: string }>`
    select c.job from lab.committed c join duly.jobs j on j.id = c.job
    where c.round = ${name} and j.state <> 'scheduled'
      and c.job > duly.first_id_at(clock_timestamp() - interval '5 s') and random() < ${(SHARE * EVERY_MS) / 5000}
  `.execute(world.db);
  return result.rows.map((row) => row.job);
}
