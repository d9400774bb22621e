import { z } from "zod";
import type { HttpReply, HttpRequest } from "../serve-http.ts";
import { parseForm } from "./form.ts";
import { invalidRequest } from "./stripe-error.ts";

/** Names and values that a caller keeps with a thing; Stripe's own limits. */
export const Metadata = z
  .record(z.string().max(40), z.string().max(500))
  .refine((entries) => Object.keys(entries).length <= 50, "at most 50 keys")
  .default({});

/** Reads a request's parameters, of the body or of the query; as Stripe does, it refuses those that it does not know. */
export function readParameters<S extends z.ZodType>(
  schema: S,
  request: HttpRequest,
): { ok: true; value: z.infer<S> } | { ok: false; reply: HttpReply } {
  const text = request.method === "POST" ? request.body : request.url.search.slice(1);
  const parsed = schema.safeParse(parseForm(text));
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  if (unknown !== undefined) {
    const message = `Received unknown parameter: ${unknown}`;
    return { ok: false, reply: invalidRequest(message, { code: "parameter_unknown", param: unknown }) };
  }
  const param = issue?.path.join(".") ?? "";
  return { ok: false, reply: invalidRequest(`${param}: ${issue?.message ?? "invalid"}`, { param }) };
}
