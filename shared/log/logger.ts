import { hostname } from "node:os";
import { type Logger as PinoLogger, pino } from "pino";

/** Structured log of one process: JSON lines on stdout. */
export type Logger = PinoLogger;

const SECRETS = ["password", "authorization", "mnemonic", "*.password", "*.authorization", "*.mnemonic"];

/** Makes the log of the service `name`; values under names of secrets are never written. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    level,
    base: { service: name, pid: process.pid, host: hostname() },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS, censor: "[redacted]" },
  });
}
