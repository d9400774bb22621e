import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * A file of JSON lines and all of it in memory, in the order of arrival.
 *
 * `append` returns only when the line is written, so that what was acknowledged is there after a kill.
 * A last line that was cut off is dropped on opening.
 */
export class JsonLines<T> {
  readonly #descriptor: number;
  #items: T[];

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#descriptor = openSync(file, "a+", 0o600);
    const text = readFileSync(file, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    ftruncateSync(this.#descriptor, Buffer.byteLength(whole));
    this.#items = whole
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as T);
  }

  get items(): readonly T[] {
    return this.#items;
  }

  append(item: T): void {
    writeSync(this.#descriptor, `${JSON.stringify(item)}\n`);
    this.#items.push(item);
  }

  clear(): void {
    ftruncateSync(this.#descriptor, 0);
    this.#items = [];
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
