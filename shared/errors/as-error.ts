import { inspect } from "node:util";

/** Whatever was thrown, as an Error; JavaScript lets people throw anything. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === "string" ? thrown : inspect(thrown, { depth: 2 }), { cause: thrown });
}
