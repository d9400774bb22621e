import { z } from "zod";
import { BrokerConfig, ServiceConfig } from "#shared/config/env.ts";

/** The recorder's settings. */
export const DeadLettersConfig = z.object({ ...ServiceConfig.shape, ...BrokerConfig.shape });
export type DeadLettersConfig = z.infer<typeof DeadLettersConfig>;
