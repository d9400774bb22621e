import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Child, startChild } from "../../../services/local/processes/child.ts";
import { NODE_FLAGS } from "../../../services/local/processes/node-flags.ts";
import { lastLines } from "../../../services/local/processes/run-command.ts";
import { inherited } from "../../support/inherited.ts";
import { root } from "../../support/repository.ts";
import { until } from "./wait.ts";

/** What is kept running, and by what environment. */
export interface KeptProgram {
  readonly name: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

/** A process that ended though nobody had killed or stopped it. */
export interface UnexpectedExit {
  readonly name: string;
  readonly lastWords: string;
}

const STOP_GRACE_MS = 20_000;
/** A process that keeps ending by itself is not started in a hot loop. */
const AGAIN_MS = 500;
const START_MS = 30_000;
/** The grace of a service in the laboratory, and some time to say goodbye. */
const DRAIN_MS = 12_000;

/** A process that is started again whenever it ends, as any supervisor would. */
export class KeptProcess {
  readonly #program: KeptProgram;
  readonly #end: AbortSignal;
  readonly #onUnexpected: (exit: UnexpectedExit) => void;
  #child: Child | undefined;
  #generation = 0;
  #isKilled = false;
  #isDrained = false;
  #stopping = false;
  #nextCrash: string | undefined;
  #running: Promise<void> | undefined;

  /** After `end` no other one is started. */
  constructor(program: KeptProgram, end: AbortSignal, onUnexpected: (exit: UnexpectedExit) => void) {
    this.#program = program;
    this.#end = end;
    this.#onUnexpected = onUnexpected;
  }

  get name(): string {
    return this.#program.name;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    this.#running ??= this.#keep();
  }

  /** Kills it; resolves when the next one, armed with the crash point if one is given, has been started. */
  async kill(nextCrash?: string): Promise<void> {
    this.arm(nextCrash);
    const generation = this.#generation;
    this.#isKilled = true;
    this.#signal("SIGKILL");
    await this.hasSuccessor(generation, START_MS);
  }

  /** Gives the next one that is started a crash point. */
  arm(crash: string | undefined): void {
    this.#nextCrash = crash;
  }

  /** Counts the starts. */
  get generation(): number {
    return this.#generation;
  }

  /** Resolves to whether another one was started after this generation within the time. */
  async hasSuccessor(generation: number, timeoutMs: number): Promise<boolean> {
    return until(async () => this.#generation > generation, timeoutMs, 20);
  }

  /** Stops it where it stands; it knows nothing of the time until `thaw`. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  /** Drains it as a rolling update does; resolves when the next one has been started. One that does not end, or not with 0, counts as an unexpected exit. */
  async restart(): Promise<void> {
    const generation = this.#generation;
    this.#isDrained = true;
    this.#signal("SIGTERM");
    if (await this.hasSuccessor(generation, DRAIN_MS)) return;
    this.#onUnexpected({ name: this.name, lastWords: `SIGTERM did not end it within ${DRAIN_MS} ms` });
    await this.kill();
  }

  /** Resolves to whether it is up: says that it is ready, within the time. */
  isReady(timeoutMs: number): Promise<boolean> {
    return this.#says('"msg":"ready"', timeoutMs);
  }

  /** Resolves to whether it came to a crash point that stops it within the time. */
  stopsAtCrashPoint(timeoutMs: number): Promise<boolean> {
    return this.#says("SIGSTOP at crash point", timeoutMs);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.thaw();
    await this.#child?.stop("SIGTERM", STOP_GRACE_MS);
    await this.#running;
  }

  async #says(text: string, timeoutMs: number): Promise<boolean> {
    return until(async () => this.#child?.log().includes(text) === true, timeoutMs, 50);
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#child !== undefined && !this.#child.hasEnded()) process.kill(this.#child.pid, name);
  }

  async #keep(): Promise<void> {
    while (!this.#stopping && !this.#end.aborted) {
      const { name, file, env, folder } = this.#program;
      const crash = this.#nextCrash;
      this.#nextCrash = undefined;
      this.#isKilled = false;
      this.#isDrained = false;
      const logFile = join(folder, "processes", `${name}-${this.#generation + 1}.log`);
      this.#child = await startChild({
        name,
        program: process.execPath,
        args: [...NODE_FLAGS, join(root, file)],
        // What was compiled once is kept, as under `npm start`: a process that is killed 200 times starts twice as fast.
        env: { ...inherited(), HOME: process.env["HOME"], ...env, DULY_CRASH_AT: crash ?? "" },
        logFile,
        stackDir: folder,
        cwd: root,
      });
      this.#generation += 1;
      await this.#child.ended;
      const log = this.#child.log();
      const endedWell = this.#isDrained && this.#child.exitCode() === 0;
      if (
        endedWell ||
        this.#isKilled ||
        this.#stopping ||
        this.#end.aborted ||
        log.includes("SIGKILL at crash point")
      )
        rmSync(logFile);
      else {
        this.#onUnexpected({ name, lastWords: lastLines(log, 5) });
        await sleep(AGAIN_MS);
      }
    }
  }
}
