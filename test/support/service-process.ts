import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { stackMark } from "../../services/local/processes/stack-mark.ts";
import { inherited } from "./inherited.ts";
import { root } from "./repository.ts";

/** How a process ended; a signal that it did not handle leaves no code. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program of the repository that runs as a process of its own. */
export interface RunningProcess {
  readonly pid: number;
  /** All that it wrote so far. */
  readonly output: () => string;
  /** Resolves once its output holds the text; rejects, showing the output, when it ends before or takes too long. */
  readonly says: (text: string, timeoutMs?: number) => Promise<void>;
  readonly signal: (name: NodeJS.Signals) => void;
  /** To it and to all that it started in its process group, as a terminal sends Ctrl-C. */
  readonly signalGroup: (name: NodeJS.Signals) => void;
  readonly ended: Promise<Ending>;
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>;
}

/** What is started, and with which environment beside PATH and HOME. */
export interface Program {
  readonly file: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The folder of the run of tests that this worker belongs to; whatever bears its mark is ended with the run. */
export const runFolder = join(root, ".duly", `test-${process.ppid}`);

const running = new Set<RunningProcess>();
const PATIENCE_MS = 30_000;

/** Starts a file of the repository with Node, in a process group of its own, told when this process is gone. */
export function startProcess({ file, args = [], env }: Program): RunningProcess {
  const child = spawn(process.execPath, [join(root, file), ...args], {
    env: {
      ...inherited(),
      HOME: process.env["HOME"] ?? "",
      ...stackMark(runFolder),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  const pid = child.pid ?? 0;
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(child, "close").then(([code, signal]): Ending => {
    running.delete(started);
    return { code: code as Ending["code"], signal: signal as Ending["signal"] };
  });

  const says = (text: string, timeoutMs = PATIENCE_MS) =>
    new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        leave();
        reject(new Error(`${file} ${why} before it said "${text}". Its output:\n${output}`));
      };
      const look = () => {
        if (!output.includes(text)) return;
        leave();
        resolve();
      };
      const onClose = () => fail("ended");
      const timer = setTimeout(() => fail(`took ${timeoutMs} ms`), timeoutMs);
      const leave = () => {
        clearTimeout(timer);
        child.stdout?.off("data", look);
        child.stderr?.off("data", look);
        child.off("close", onClose);
      };
      child.stdout?.on("data", look);
      child.stderr?.on("data", look);
      child.on("close", onClose);
      look();
    });

  const started: RunningProcess = {
    pid,
    output: () => output,
    says,
    signal: (name) => void child.kill(name),
    signalGroup: (name) => void process.kill(-pid, name),
    ended,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
  running.add(started);
  return started;
}

/** Starts one service; resolves when it is ready. */
export async function startService(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningProcess> {
  const service = startProcess({ file: `services/${name}/main.ts`, env });
  await service.says('"msg":"ready"');
  return service;
}

/** Kills whatever this file has started and not ended. */
export async function killAll(): Promise<void> {
  await Promise.all([...running].map((each) => each.kill()));
}
