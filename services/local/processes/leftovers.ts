import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../setup-error.ts";
import { runCommand } from "./run-command.ts";
import { bearsMark } from "./stack-mark.ts";

interface Leftover {
  readonly pid: number;
  readonly isPostgres: boolean;
}

/**
 * Ends every process that an earlier run of this stack left behind, as when it was killed; returns how many there were.
 *
 * Only processes that carry this stack's own mark in their environment are touched.
 */
export async function endLeftovers(stackDir: string, graceMs = 5000): Promise<number> {
  const found = await findLeftovers(stackDir);
  // PostgreSQL waits for its clients after SIGTERM and lets them go after SIGINT.
  for (const { pid, isPostgres } of found) signal(pid, isPostgres ? "SIGINT" : "SIGTERM");
  const deadline = performance.now() + graceMs;
  let rest = found;
  while (rest.length > 0 && performance.now() < deadline) {
    await sleep(50);
    rest = await findLeftovers(stackDir);
  }
  for (const { pid } of rest) signal(pid, "SIGKILL");
  while (rest.length > 0) {
    await sleep(20);
    rest = await findLeftovers(stackDir);
  }
  return found.length;
}

async function findLeftovers(stackDir: string): Promise<Leftover[]> {
  return process.platform === "linux" ? findInProc(stackDir) : findWithPs(stackDir);
}

function findInProc(stackDir: string): Leftover[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => bearsMark(read(`/proc/${entry}/environ`), "\0", stackDir))
    .map((entry) => ({
      pid: Number(entry),
      isPostgres: /\/postgres\0/.test(read(`/proc/${entry}/cmdline`)),
    }));
}

async function findWithPs(stackDir: string): Promise<Leftover[]> {
  const { stdout } = await runCommand("ps", ["-axwwE", "-o", "pid=,command="]);
  return stdout
    .split("\n")
    .filter((line) => bearsMark(line, " ", stackDir))
    .map((line) => ({ pid: Number.parseInt(line, 10), isPostgres: /^\s*\d+ \S*\/postgres /.test(line) }));
}

/** A process that has ended, or is another user's, reads as nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "EACCES", "EPERM", "ESRCH"].some((code) => isErrno(error, code))) return "";
    throw error;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
