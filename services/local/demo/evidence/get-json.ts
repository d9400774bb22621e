import type { z } from "zod";

const PATIENCE_MS = 5_000;

/**
 * Asks a service of the local stack and reads its JSON.
 *
 * @throws when it does not answer with 2xx within 5 s, or with something else than `schema` describes.
 */
export async function getJson<Schema extends z.ZodType>(
  url: URL,
  schema: Schema,
  request: RequestInit = {},
): Promise<z.infer<Schema>> {
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}: ${await response.text()}`);
  return schema.parse(await response.json());
}
