import { z } from "zod";
import { PRIORITIES } from "../contracts/priority.ts";
import { ConfigError } from "../errors/errors.ts";

const workers = z.coerce.number().int().min(1).max(1000).optional();

/** The settings that every service has. */
export type ServiceConfig = z.infer<typeof ServiceConfig>;
export const ServiceConfig = z.object({
  DATABASE_URL: z.url().describe("postgres://user:password@host:port/database"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info"),
  STOP_GRACE_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(10_000)
    .describe("time to finish running work after SIGTERM"),
});

/** The settings of everything that talks to the broker. */
export const BrokerConfig = z.object({
  AMQP_URL: z.url().describe("amqp://user:password@host:port/vhost"),
});

/** The settings of a consumer service: which priorities this process serves, and how many handlers run at once. */
export const ConsumerConfig = z.object({
  ...ServiceConfig.shape,
  ...BrokerConfig.shape,
  PRIORITIES: z
    .string()
    .default(PRIORITIES.join(","))
    .transform((list) => list.split(",").map((name) => name.trim()))
    .pipe(z.array(z.enum(PRIORITIES)).min(1)),
  WORKERS_CRITICAL: workers,
  WORKERS_HIGH: workers,
  WORKERS_MEDIUM: workers,
  WORKERS_LOW: workers,
  WORKERS_BATCH: workers,
});
export type ConsumerConfig = z.infer<typeof ConsumerConfig>;

/**
 * Reads settings from environment variables; an empty variable counts as unset.
 *
 * @throws {ConfigError} naming every variable at fault and what it must be.
 */
export function readConfig<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<Schema> {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const meaning = (schema.shape as Readonly<Record<string, z.ZodType>>)[name]?.description;
    return `  ${name}: ${given[name] === undefined ? "is not set" : issue.message}${meaning ? ` (${meaning})` : ""}`;
  });
  throw new ConfigError(`the environment does not fit:\n${[...new Set(faults)].join("\n")}`);
}
