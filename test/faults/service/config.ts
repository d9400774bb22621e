import { z } from "zod";
import { ConsumerConfig } from "#shared/index.ts";

/** The settings of the laboratory's own service. */
export const LabConfig = z.object({
  ...ConsumerConfig.shape,
  PROVIDER_URL: z.url().describe("the laboratory's provider of outside effects"),
  REFUSING_URL: z.url().describe("its door that refuses connections at times"),
  FAILING_URL: z.url().describe("its door that answers 503 at times"),
});
