import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { z } from "zod";
import {
  ConsumerConfig,
  defineJob,
  type Effects,
  handle,
  type JobDefinition,
  readConfig,
  runService,
} from "#shared/index.ts";

// A service in a process of its own, some of whose jobs kill it. KILLING_KIND says what kind of handler it has.
const Kinds = z.object({ KILLING_KIND: z.enum(["keyed", "atLeastOnce", "record"]) });
const { KILLING_KIND: kind } = readConfig(Kinds, process.env);

const name = `killing-${kind.toLowerCase()}`;
const Work = defineJob(`${name}.work`, {
  payload: z.object({ kills: z.boolean() }),
  priority: "high",
  attempts: 1,
  backoff: [],
});
type Payload = typeof Work extends JobDefinition<infer P> ? P : never;

// Its neighbours have begun by then, and go down with it.
async function dieIf({ kills }: Payload): Promise<void> {
  await delay(20);
  if (kills) process.kill(process.pid, "SIGKILL");
}

const note = (
  trx: Parameters<NonNullable<ReturnType<typeof handle>["record"]>>[0],
  job: string,
  text: string,
) => sql`insert into effects (job, note) values (${job}, ${text})`.execute(trx);

const performing = (effects: Effects) =>
  handle(Work, {
    effects,
    perform: ({ payload }) => dieIf(payload),
    record: (trx, _, { job }) => note(trx, job.id, "done"),
    recordFailure: (trx, _, { job }) => note(trx, job.id, "given up"),
  });
const recording = handle(Work, {
  record: async (trx, _, { job, payload }) => {
    await dieIf(payload);
    await note(trx, job.id, "done");
  },
  recordFailure: (trx, _, { job }) => note(trx, job.id, "given up"),
});

await runService(name, ConsumerConfig, ({ consume }) => {
  consume([kind === "record" ? recording : performing(kind)], { workers: { high: 4 } });
  return Promise.resolve();
});
