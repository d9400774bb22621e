import { ConsumerConfig } from "#shared/config/env.ts";
import { runService } from "#shared/index.ts";
import { parking } from "./parked-jobs.ts";

/** A consumer that is there to be killed: it ends no job. */
await runService("parked", ConsumerConfig, async ({ consume }) => {
  await Promise.resolve();
  consume(parking);
});
