import { z } from "zod";
import { ServiceConfig } from "#shared/config/env.ts";

/** The scheduler's settings. */
export const SchedulerConfig = z.object({
  ...ServiceConfig.shape,
  SCHEDULER_WINDOW: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe("due jobs of a priority per step"),
  SCHEDULER_AHEAD_MS: z.coerce
    .number()
    .min(0)
    .max(1_000)
    .default(10)
    .describe(
      "how long before its due time a job is sent on its way, in ms; its handler still starts no earlier",
    ),
  KEEP_FINISHED: z
    .string()
    .default("1 hour")
    .describe("time before finished jobs move to the history, as PostgreSQL's interval"),
});
export type SchedulerConfig = z.infer<typeof SchedulerConfig>;
