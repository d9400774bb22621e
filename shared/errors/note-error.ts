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
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown).slice(0, LONGEST_MESSAGE) };
  const { code } = thrown as Error & { code?: unknown };
  return {
    name: thrown.name,
    ...(typeof code === "string" || typeof code === "number" ? { code: String(code) } : {}),
    message: clean(thrown.message).slice(0, LONGEST_MESSAGE),
    ...(thrown.stack === undefined ? {} : { stack: clean(thrown.stack).slice(0, LONGEST_STACK) }),
  };
}

// PostgreSQL's jsonb takes no NUL character.
function clean(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD");
}
