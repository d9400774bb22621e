import { readFileSync } from "node:fs";
import type { KeptProcess } from "./kept-process.ts";

const EVERY_MS = 500;

/** Watches how much memory processes take at most, as Linux tells (VmHWM). */
export class MemoryPeaks {
  readonly #roles: Readonly<Record<string, readonly KeptProcess[]>>;
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(roles: Readonly<Record<string, readonly KeptProcess[]>>) {
    this.#roles = roles;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** @returns the highest peak of any process of each role, in MB (10⁶ bytes). */
  stop(): ReadonlyMap<string, number> {
    clearInterval(this.#timer);
    this.#look();
    return this.#peaks;
  }

  #look(): void {
    for (const [role, processes] of Object.entries(this.#roles)) {
      for (const { pid } of processes)
        this.#peaks.set(role, Math.max(this.#peaks.get(role) ?? 0, peakOf(pid)));
    }
  }
}

function peakOf(pid: number): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return (Number(kilobytes ?? 0) * 1024) / 1e6;
  } catch {
    return 0; // it ended meanwhile
  }
}
