import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../support/repository.ts";

const POINTS = 44;
/** As many may be answered by why they cannot occur. */
const ANSWERED_AT_MOST = 4;

const page = readFileSync(join(root, "docs", "rabbitmq-checklist.md"), "utf8");
const [tested = "", answered = ""] = page.split("## What cannot occur here");

/** The rows of a text's tables that begin with a number. */
function rowsOf(text: string): { point: number; row: string }[] {
  return [...text.matchAll(/^\| (\d+) \|.*$/gm)].map(([row, point]) => ({ point: Number(point), row }));
}

/** The tests that a row names: a file, and a title in it. */
function testsOf(row: string): { file: string; title: string }[] {
  return [...row.matchAll(/\]\(\.\.\/([^)]+)\) "([^"]+)"/g)].map(([, file = "", title = ""]) => ({
    file,
    title,
  }));
}

it("has every point of RabbitMQ's checklist once", () => {
  const points = [...rowsOf(tested), ...rowsOf(answered)].map(({ point }) => point).toSorted((a, b) => a - b);
  expect(points).toEqual(Array.from({ length: POINTS }, (_, index) => index + 1));
  expect(rowsOf(answered).length).toBeLessThanOrEqual(ANSWERED_AT_MOST);
});

it.each(rowsOf(tested))("point $point names a test that is there", ({ row }) => {
  const named = testsOf(row);
  expect(named).not.toEqual([]);
  expect(named.filter(({ file, title }) => !readFileSync(join(root, file), "utf8").includes(title))).toEqual(
    [],
  );
});
