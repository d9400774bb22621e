import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A process of the local outside world under test. */
export interface OutsideProcess {
  readonly child: ChildProcess;
  /** The addresses that it told when it was ready. */
  readonly ready: Readonly<Record<string, string | number>>;
  /** Sends the signal and resolves to the exit code, null when the signal killed it. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** Starts `services/local/outside/<name>/main.ts` and resolves when it has logged "ready". */
export async function startOutside(name: string, env: Record<string, string>): Promise<OutsideProcess> {
  const child = spawn(process.execPath, [`services/local/outside/${name}/main.ts`], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    const entry = JSON.parse(line) as Record<string, string | number>;
    if (entry["msg"] !== "ready") continue;
    child.stdout.resume();
    const end = async (signal: NodeJS.Signals = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
      return child.exitCode;
    };
    return { child, ready: entry, end };
  }
  await exited;
  throw new Error(`${name} ended with ${child.exitCode} before it was ready:\n${said.join("\n")}`);
}

/** Makes an empty folder; `remove` takes it away. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "duly-outside "));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
