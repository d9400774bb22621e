import { asError } from "./as-error.ts";
import { cleanText } from "./clean-text.ts";

/** An error as it is kept with a job or letter: bounded, and without its object graph. */
export interface NotedError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
}

const LONGEST_MESSAGE = 2_000;
const LONGEST_STACK = 8_000;

/** Notes an error for the database; anything may be thrown. */
export function noteError(thrown: unknown): NotedError {
  const error = asError(thrown);
  const { code } = error as Error & { code?: unknown };
  return {
    name: cleanText(error.name),
    ...(typeof code === "string" || typeof code === "number" ? { code: cleanText(String(code)) } : {}),
    message: cut(error.message, LONGEST_MESSAGE),
    ...(thrown !== error || error.stack === undefined ? {} : { stack: cut(error.stack, LONGEST_STACK) }),
  };
}

// Cut first: the cut may halve a surrogate pair.
function cut(text: string, longest: number): string {
  return cleanText(text.slice(0, longest));
}
