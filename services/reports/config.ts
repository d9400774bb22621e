import { resolve } from "node:path";
import { z } from "zod";
import { ConsumerConfig } from "#shared/index.ts";

/** The settings of the reports service. */
export const ReportsConfig = z.object({
  ...ConsumerConfig.shape,
  REPORTS_DIR: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .describe("folder of finished reports, the same for every process of this service"),
});
