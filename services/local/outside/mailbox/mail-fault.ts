import { z } from "zod";
import { delayMs, often } from "../fault-times.ts";

const whom = { ...often, to: z.string().toLowerCase().optional() };

/**
 * How the mail server can be told to fail, one in `every` times that it could:
 * - `slow`: the mail is taken, `delayMs` late;
 * - `refuse`: the connection is answered by 421 and closed (nobody's recipient is known by then, so no `to`);
 * - `450`, `550`: the recipient is refused for now, or for ever;
 * - `timeout-after-effect`: the mail is kept, the answer never comes.
 */
export const MailFault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("slow"), delayMs: delayMs.default(1_000), ...whom }),
  z.strictObject({ kind: z.literal("refuse"), ...often, to: z.undefined().optional() }),
  z.strictObject({ kind: z.enum(["450", "550"]), ...whom }),
  z.strictObject({ kind: z.literal("timeout-after-effect"), delayMs: delayMs.optional(), ...whom }),
]);

/** A fault of the mail server. */
export type MailFault = z.infer<typeof MailFault>;
