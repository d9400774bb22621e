import { z } from "zod";
import { BrokerConfig, ServiceConfig } from "#shared/config/env.ts";

/** The relay's settings. */
export const RelayConfig = z.object({
  ...ServiceConfig.shape,
  ...BrokerConfig.shape,
  RELAY_WINDOW: z.coerce.number().int().min(1).max(10_000).default(500).describe("rows published per batch"),
  RELAY_CONFIRM_MS: z.coerce
    .number()
    .int()
    .min(100)
    .default(10_000)
    .describe("time the broker has to confirm a batch"),
  RABBITMQ_URL: z
    .url()
    .optional()
    .describe("http://host:15672, RabbitMQ's HTTP API, by which harmful policies are seen"),
});
export type RelayConfig = z.infer<typeof RelayConfig>;
