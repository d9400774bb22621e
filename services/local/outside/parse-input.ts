import type { z } from "zod";

/** Reads a JSON text by a schema; what is wrong comes back as one sentence, never as an error. */
export function parseInput<S extends z.ZodType>(
  schema: S,
  text: string,
): { ok: true; value: z.infer<S> } | { ok: false; reason: string } {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: `The body is not JSON: ${String(error)}` };
  }
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, value: parsed.data };
  const reasons = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return { ok: false, reason: reasons.join("; ") };
}
