import { once } from "node:events";
import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";

/** What has been done so far. */
export interface Tally {
  readonly lines: number;
  readonly imported: number;
  readonly skipped: number;
  readonly errors: number;
}

const LIVE_EVERY_MS = 100;
const LINE_EVERY_MS = 1_000;

/**
 * Shows how far an import is: one line that renews itself on a terminal, else a line a second.
 *
 * Messages go above that line; each resolves once it is handed over, so that a slow reader holds the import back
 * instead of filling memory.
 */
export class Progress {
  readonly #stream: WriteStream;
  readonly #totalBytes: number;
  readonly #startedAt = performance.now();
  #shownAt = performance.now();
  #live = false;

  constructor(stream: WriteStream, totalBytes: number) {
    this.#stream = stream;
    this.#totalBytes = totalBytes;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  async show(tally: Tally, bytes: number): Promise<void> {
    const due = this.#shownAt + (this.#stream.isTTY ? LIVE_EVERY_MS : LINE_EVERY_MS);
    if (performance.now() < due) return;
    this.#shownAt = performance.now();
    const percent = this.#totalBytes > 0 ? `${Math.floor((100 * bytes) / this.#totalBytes)} %, ` : "";
    const rate = Math.round(tally.lines / this.seconds);
    const text = `${percent}${describe(tally)}, ${rate} lines a second`;
    this.clear();
    await this.#write(this.#stream.isTTY ? text : `${text}\n`);
    this.#live = this.#stream.isTTY;
  }

  async say(message: string): Promise<void> {
    this.clear();
    await this.#write(`${message}\n`);
  }

  /** Takes the live line away. */
  clear(): void {
    if (!this.#live) return;
    cursorTo(this.#stream, 0);
    clearLine(this.#stream, 0);
    this.#live = false;
  }

  async #write(text: string): Promise<void> {
    if (!this.#stream.write(text)) await once(this.#stream, "drain");
  }
}

/** Says a tally in words. */
export function describe({ lines, imported, skipped, errors }: Tally): string {
  return `${lines} lines: ${imported} imported, ${skipped} skipped, ${errors} with errors`;
}
