import { z } from "zod";
import { ConsumerConfig } from "#shared/index.ts";

/** The settings of the laboratory's own service. */
export const LabConfig = z.object({
  ...ConsumerConfig.shape,
  PROVIDER_URL: z.url().describe("the laboratory's provider of outside effects"),
});
