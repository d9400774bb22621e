import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/repository.ts";

/** A row of a page's table that begins with a number. */
export interface NumberedRow {
  readonly point: number;
  readonly row: string;
}

/** A test that a page names. */
export interface NamedTest {
  readonly file: string;
  /** A part of it where the title is filled in, `%s` and the like. */
  readonly title: string;
}

/** The rows of a text's tables that begin with a number. */
export function rowsOf(text: string): NumberedRow[] {
  return [...text.matchAll(/^\| (\d+) \|.*$/gm)].map(([row, point]) => ({ point: Number(point), row }));
}

/** The tests that a row names: a link to a file, and a title in it. */
export function testsOf(row: string): NamedTest[] {
  return [...row.matchAll(/\]\(\.\.\/([^)]+)\) "([^"]+)"/g)].map(([, file = "", title = ""]) => ({
    file,
    title,
  }));
}

/** Those of the tests that are not there. */
export function absentOf(named: readonly NamedTest[]): NamedTest[] {
  return named.filter(({ file, title }) => !readFileSync(join(root, file), "utf8").includes(title));
}
