import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const LONGEST_REPORT_MS = 3_600_000;

/**
 * Removes the unfinished files that crashed runs left in the folder: those that nobody has written to for an hour.
 *
 * @returns how many there were.
 */
export async function removeDeadParts(folder: string, now: number): Promise<number> {
  const parts = (await readdir(folder)).filter((name) => name.endsWith(".part"));
  const ages = await Promise.all(
    parts.map(async (name) => ({ name, age: now - (await lastWritten(join(folder, name), now)) })),
  );
  const dead = ages.filter(({ age }) => age > LONGEST_REPORT_MS);
  await Promise.all(dead.map(({ name }) => rm(join(folder, name), { force: true })));
  return dead.length;
}

// Another process may finish its report, and so rename the part, in the meantime.
async function lastWritten(file: string, otherwise: number): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return otherwise;
    throw error;
  }
}
