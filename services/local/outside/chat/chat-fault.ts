import { z } from "zod";
import { delayMs, often } from "../fault-times.ts";

const whom = {
  ...often,
  to: z
    .string()
    .transform((phone) => phone.replaceAll(/\D/g, ""))
    .optional(),
};

/**
 * How the chat API can be told to fail, one in `every` requests:
 * - `slow`: the message is taken and answered, `delayMs` late;
 * - `5xx`: an error of the server (`status`, 500 unless given), nothing is sent;
 * - `429`: too many requests, with Retry-After, nothing is sent;
 * - `reset`: the connection is cut, nothing is sent;
 * - `timeout-after-effect`: the message is sent, no answer comes, the connection is cut after `delayMs`.
 */
export const ChatFault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("slow"), delayMs: delayMs.default(1_000), ...whom }),
  z.strictObject({ kind: z.literal("5xx"), status: z.int().min(500).max(599).default(500), ...whom }),
  z.strictObject({ kind: z.literal("429"), retryAfterS: z.int().min(0).max(3_600).default(1), ...whom }),
  z.strictObject({ kind: z.literal("reset"), ...whom }),
  z.strictObject({ kind: z.literal("timeout-after-effect"), delayMs: delayMs.default(600_000), ...whom }),
]);

/** A fault of the chat API. */
export type ChatFault = z.infer<typeof ChatFault>;
