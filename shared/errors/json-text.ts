import { cleanText } from "./clean-text.ts";

/**
 * Writes any value as JSON that PostgreSQL's jsonb takes; bigints become strings of digits.
 *
 * @returns undefined for a value that JSON cannot carry: undefined, a function, a cycle.
 */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, clean);
  } catch (error) {
    if (error instanceof TypeError) return undefined; // a cycle
    throw error;
  }
}

function clean(_key: string, value: unknown): unknown {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), inner]));
}
