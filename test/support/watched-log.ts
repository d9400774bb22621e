import { pino } from "pino";
import type { Logger } from "#shared/log/logger.ts";

/** A line of the log that somebody waits for. */
interface Awaited {
  readonly message: RegExp;
  readonly heard: () => void;
}

const awaited = new Set<Awaited>();
const shown = pino.levels.values[process.env["DULY_TEST_LOG"] ?? "silent"] ?? Number.POSITIVE_INFINITY;

/** Shows what DULY_TEST_LOG asks for, and tells whoever waits for a line. */
const destination = {
  write(line: string): void {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    if (level >= shown) process.stdout.write(line);
    for (const one of awaited) if (one.message.test(msg)) one.heard();
  },
};

/** Makes the log of an engine under test; every level is written, so that each line can be awaited. */
export function watchedLog(service: string): Logger {
  return pino({ level: "debug", base: { service } }, destination);
}

/** Resolves when the engine of this file next logs such a message. */
export function said(message: RegExp): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const one = { message, heard: resolve };
  awaited.add(one);
  return promise.finally(() => awaited.delete(one));
}
