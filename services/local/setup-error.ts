/** Something that a person has to mend before the local stack can run; the message says what and how. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** One clear sentence for the person at the terminal; DULY_DEBUG=1 gives the stack instead. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (process.env["DULY_DEBUG"] === "1") return error.stack ?? error.message;
  if (error instanceof SetupError) return error.message;
  if (isErrno(error, "EACCES") || isErrno(error, "EPERM")) {
    return `${error.message}. It belongs to another user: start Duly as that user, or remove it and start again.`;
  }
  if (isErrno(error, "ENOSPC")) return "The disk is full. Make room (a few hundred MB) and start again.";
  if (error instanceof AggregateError) return error.errors.map(explain).join("\n");
  return `${error.message}\n(DULY_DEBUG=1 shows where it happened.)`;
}

/** Whether `error` is a failed system call with this code, as in ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
