import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { JobState } from "#shared/contracts/job-state.ts";
import { defineJob, enqueue } from "#shared/index.ts";
import { noteLoneRun, queuesWithLoneRuns } from "#shared/jobs/lone-runs.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";

const engine = useEngine();
const Work = defineJob("lone.work", { payload: z.object({}) });

beforeAll(() => register(engine.db, "lone", [Work], []));

/** A queue of its own with a job in a state, whose lone run nobody has struck out. */
async function queueWith(state: JobState): Promise<string> {
  const queue = `lone.${state}`;
  const jobId = await enqueue(engine.db, Work, {});
  await sql`update duly.jobs set state = ${state}::duly.job_state where id = ${jobId}`.execute(engine.db);
  await noteLoneRun(engine.db, { jobId, queue, instance: randomUUID(), deaths: 0 });
  return queue;
}

test.each(["queued", "running", "retrying", "held"] as const)(
  "a %s job that runs alone keeps its queue careful",
  async (state) => {
    const queue = await queueWith(state);
    expect(await queuesWithLoneRuns(engine.db, [queue])).toEqual(new Set([queue]));
  },
);

test.each(["completed", "dead_lettered", "cancelled"] as const)(
  "a %s job whose process died in a lone run, and that ended elsewhere, keeps no queue careful",
  async (state) => {
    const queue = await queueWith(state);
    expect(await queuesWithLoneRuns(engine.db, [queue])).toEqual(new Set());
    expect((await sql`select from duly.lone_runs where queue = ${queue}`.execute(engine.db)).rows).toEqual(
      [],
    );
  },
);
