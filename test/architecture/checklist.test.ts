import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../support/repository.ts";
import { absentOf, rowsOf, testsOf } from "./named-tests.ts";

const POINTS = 44;
/** As many may be answered by why they cannot occur. */
const ANSWERED_AT_MOST = 4;

const page = readFileSync(join(root, "docs", "rabbitmq-checklist.md"), "utf8");
const [tested = "", answered = ""] = page.split("## What cannot occur here");

it("has every point of RabbitMQ's checklist once", () => {
  const points = [...rowsOf(tested), ...rowsOf(answered)].map(({ point }) => point).toSorted((a, b) => a - b);
  expect(points).toEqual(Array.from({ length: POINTS }, (_, index) => index + 1));
  expect(rowsOf(answered).length).toBeLessThanOrEqual(ANSWERED_AT_MOST);
});

it.each(rowsOf(tested))("point $point names a test that is there", ({ row }) => {
  const named = testsOf(row);
  expect(named).not.toEqual([]);
  expect(absentOf(named)).toEqual([]);
});
