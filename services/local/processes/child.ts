import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../setup-error.ts";
import { lastLines } from "./run-command.ts";
import { stackMark } from "./stack-mark.ts";

/** A long-lived process of the stack, in a session of its own so that Ctrl-C reaches only its parent. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended, however that came. */
  readonly ended: Promise<void>;
  readonly hasEnded: () => boolean;
  /** Null while it runs, and when a signal ended it. */
  readonly exitCode: () => number | null;
  /** What the process has logged since this start. */
  readonly log: () => string;
  /** Sends the signal, waits for the end up to `graceMs`, then kills; resolves when the process has ended. */
  readonly stop: (signal: NodeJS.Signals, graceMs: number) => Promise<void>;
}

/** How a process is started. */
export interface ChildOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** The stack's data folder; marks the process as part of it. */
  readonly stackDir: string;
  readonly cwd?: string;
}

/** Starts a process that writes its output straight to its log file. */
export async function startChild(options: ChildOptions): Promise<Child> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const offset = sizeOf(options.logFile);
  const log = openSync(options.logFile, "a", 0o600);
  const env = { ...options.env, ...stackMark(options.stackDir) };
  const place = options.cwd === undefined ? {} : { cwd: options.cwd };
  const child = spawn(options.program, options.args, {
    ...place,
    env,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  await once(child, "spawn");
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const ended = hasEnded() ? Promise.resolve() : once(child, "exit").then(() => undefined);
  return {
    name: options.name,
    pid: child.pid ?? 0,
    logFile: options.logFile,
    ended,
    hasEnded,
    exitCode: () => child.exitCode,
    log: () => readFileSync(options.logFile).subarray(offset).toString("utf8"),
    stop: async (signal, graceMs) => {
      if (hasEnded()) return;
      child.kill(signal);
      await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
      if (!hasEnded()) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Resolves once `isReady` holds; rejects when the process ends before, or after `timeoutMs`. */
export async function untilReady(
  child: Child,
  isReady: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isReady())) {
    const late = performance.now() > deadline;
    if (child.hasEnded() || late) {
      const fate = late ? `was not ready within ${timeoutMs / 1000} s` : "ended while starting";
      throw new Error(
        `${child.name} ${fate}. Its last words:\n${lastLines(child.log())}\n  Log: ${child.logFile}`,
      );
    }
    await sleep(50);
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
}
