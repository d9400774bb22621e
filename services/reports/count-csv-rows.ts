import { createReadStream } from "node:fs";
import { parse } from "csv-parse";

/**
 * Counts the rows of a finished CSV file, the header not counted.
 *
 * @returns undefined when there is no such file.
 */
export async function countCsvRows(path: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const parser = createReadStream(path, { signal })
      .once("error", (error) => parser.destroy(error))
      .pipe(parse());
    let lines = 0;
    for await (const _ of parser) lines++;
    return lines - 1;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
