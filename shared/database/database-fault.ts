import { DulyError } from "../errors/errors.ts";

// PostgreSQL's classes (errcodes-appendix): 08 connection exceptions, 53 out of resources, 57P shutdown and crash,
// 40001 serialization failure, 40P01 deadlock, 55P03 lock not available; 25006 and 25P03 while a server changes roles
// or ends an idle transaction.
const TRANSIENT = /^(08...|53...|57P0[1-5]|40001|40P01|55P03|25006|25P03)$/;
const SOCKET = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
]);
const DRIVER =
  /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/i;

/**
 * Whether an error tells of PostgreSQL's own trouble (gone, restarting, a deadlock, an unknown COMMIT) and not of what
 * was asked of it: the same transaction may be run again and no attempt is to blame.
 */
export function isDatabaseFault(error: unknown): boolean {
  // Duly's own errors have been classified by whoever threw them, whatever words they quote.
  if (!(error instanceof Error) || error instanceof DulyError || !isFromPostgres(error)) return false;
  if (DRIVER.test(error.message)) return true;
  return codesOf(error).some((code) => TRANSIENT.test(code) || SOCKET.has(code));
}

// A host with several addresses gives one error of several: ::1 and 127.0.0.1 of localhost.
function codesOf(error: Error): string[] {
  const { code } = error as Error & { code?: unknown };
  const inner = error instanceof AggregateError ? error.errors.filter((one) => one instanceof Error) : [];
  return [...(typeof code === "string" ? [code] : []), ...inner.flatMap(codesOf)];
}

// A socket error of a handler's own provider looks the same: only one that the driver's connection raised counts.
function isFromPostgres(error: Error): boolean {
  return "severity" in error || /node_modules\/pg(-pool|-protocol)?\//.test(error.stack ?? "");
}
