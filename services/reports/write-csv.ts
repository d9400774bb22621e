import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { stringify } from "csv-stringify";

/** A file to be written. */
export interface CsvFile<Row> {
  readonly path: string;
  readonly columns: readonly (keyof Row & string)[];
  readonly rows: AsyncIterable<Row>;
  /** Told after every row how many have been taken. */
  readonly onRow: (count: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes rows as a CSV file that appears under its name only when it is whole and on the disk.
 *
 * Rows are taken no faster than the disk writes them. Text that a spreadsheet would run as a formula (beginning with
 * = + - @, tab, carriage return or their full-width forms) gets a leading apostrophe (OWASP, "CSV Injection");
 * amounts are plain decimals and never begin so. Two writers of one path do not meet: each has a part file of its own.
 *
 * @returns the number of rows, the header not counted.
 */
export async function writeCsv<Row>({ path, columns, rows, onRow, signal }: CsvFile<Row>): Promise<number> {
  const part = `${path}.${randomUUID()}.part`;
  let count = 0;
  async function* counted() {
    for await (const row of rows) {
      yield row;
      onRow(++count);
    }
  }
  try {
    const csv = stringify({
      header: true,
      columns: [...columns],
      escape_formulas: true,
      cast: { date: (value) => value.toISOString() },
    });
    await pipeline(counted, csv, createWriteStream(part, { flags: "wx", mode: 0o640, flush: true }), {
      signal,
    });
    await rename(part, path);
    await syncFolder(dirname(path));
    return count;
  } finally {
    await rm(part, { force: true });
  }
}

/** A rename is on the disk only when its folder is: fsync(2). */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
