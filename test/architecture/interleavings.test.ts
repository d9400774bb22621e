import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../support/repository.ts";
import { absentOf, rowsOf, testsOf } from "./named-tests.ts";

/** Headings with rows below them: the mechanisms at which events may cross. */
const SUBJECTS = 13;

const page = readFileSync(join(root, "docs", "interleavings.md"), "utf8");
const sections = page.split(/^## /m).slice(1);

it("has interleavings for every subject, numbered in a row", () => {
  const subjects = sections.filter((section) => rowsOf(section).length > 0);
  expect(subjects).toHaveLength(SUBJECTS);
  const points = rowsOf(page).map(({ point }) => point);
  expect(points.length).toBeGreaterThan(SUBJECTS);
  expect(points).toEqual(points.map((_, place) => place + 1));
});

it.each(rowsOf(page))("interleaving $point names a test that is there", ({ row }) => {
  const named = testsOf(row);
  expect(named).not.toEqual([]);
  expect(absentOf(named)).toEqual([]);
});
