import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** A file of JSON lines that is read once and then only grows; nothing of it is kept in memory. */
export interface Journal {
  /** Returns only when the line is written, so that what was acknowledged is there after a kill. */
  readonly append: (record: unknown) => void;
  readonly close: () => void;
}

/** Opens a journal and hands every record in it to `replay`, in order; a last line that was cut off is dropped. */
export async function openJournal(file: string, replay: (record: unknown) => void): Promise<Journal> {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) truncateSync(file, await readWholeLines(file, replay));
  const descriptor = openSync(file, "a", 0o600);
  return {
    append: (record) => void writeSync(descriptor, `${JSON.stringify(record)}\n`),
    close: () => closeSync(descriptor),
  };
}

/** Returns how many bytes the whole lines take. */
async function readWholeLines(file: string, replay: (record: unknown) => void): Promise<number> {
  let bytes = 0;
  let rest = "";
  for await (const chunk of createReadStream(file, "utf8") as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      bytes += Buffer.byteLength(line) + 1;
      replay(JSON.parse(line));
    }
  }
  return bytes;
}
