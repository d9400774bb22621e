import { z } from "zod";
import { delayMs, often } from "../fault-times.ts";

/** The operations that a fault can strike. */
export const OPERATIONS = ["create", "confirm", "cancel", "retrieve", "list", "search", "customer"] as const;

const whom = {
  ...often,
  /** A customer, a payment method or a PaymentIntent, by id. */
  to: z.string().optional(),
  on: z.array(z.enum(OPERATIONS)).min(1).default(["confirm"]),
};

/**
 * How the card processor can be told to fail, one in `every` requests of the operations in `on` (confirm unless given):
 * - `slow`: the request lies there for `delayMs`, then it is done and answered;
 * - `5xx`: an error of the server. `effect` says whether the request was done all the same. 502 to 504 come from a
 *   gateway in front of the API; any other is the API's own, and is what a repetition of its key gets, too;
 * - `429`: too many requests, with Retry-After (seconds, or as an HTTP date with `asDate`), nothing is done;
 * - `decline`: the issuer declines with this code;
 * - `reset`: the connection is cut, nothing is done;
 * - `timeout-after-effect`: it is done, no answer comes, the connection is cut after `delayMs`.
 */
export const CardFault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("slow"), delayMs: delayMs.default(1_000), ...whom }),
  z.strictObject({
    kind: z.literal("5xx"),
    status: z.int().min(500).max(599).default(500),
    effect: z.boolean().default(false),
    ...whom,
  }),
  z.strictObject({
    kind: z.literal("429"),
    retryAfterS: z.int().min(0).max(3_600).default(1),
    asDate: z.boolean().default(false),
    ...whom,
  }),
  z.strictObject({
    kind: z.literal("decline"),
    code: z.string().regex(/^[a-z_]+$/),
    adviceCode: z.string().optional(),
    networkAdviceCode: z.string().optional(),
    ...whom,
  }),
  z.strictObject({ kind: z.literal("reset"), ...whom }),
  z.strictObject({ kind: z.literal("timeout-after-effect"), delayMs: delayMs.default(600_000), ...whom }),
]);

/** A fault of the card processor. */
export type CardFault = z.infer<typeof CardFault>;
