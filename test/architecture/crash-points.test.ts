import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CRASH_POINTS } from "#shared/config/crash-point.ts";
import { aimedAt, missedPoints } from "../faults/missed-points.ts";
import { STAGES } from "../faults/scenarios.ts";
import { root } from "../support/repository.ts";

const sources = ["services", "shared"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) =>
      join(root, folder, file),
    ),
  )
  .filter((file) => file.endsWith(".ts"))
  .map((file) => readFileSync(file, "utf8"))
  .join("\n");

it.each(CRASH_POINTS)("the code comes by the crash point %s", (point) => {
  expect(sources).toContain(`crashPoint("${point}")`);
});

const scenarios = STAGES.flat();

it("processes are killed at every crash point, as often as the full matrix has to", () => {
  expect(missedPoints(CRASH_POINTS, scenarios)).toEqual([]);
});

it("a crash point that no scenario aims at, or too seldom, is named", () => {
  const seldom = scenarios.filter(({ name }) => name !== "charges");
  expect(missedPoints(["payments.signed", "consumer.claimed"], seldom)).toEqual([
    "payments.signed: 0 of 50 kills",
  ]);
});

it("docs/delivery-guarantees.md says how often processes are killed at each", () => {
  const text = readFileSync(join(root, "docs", "delivery-guarantees.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([a-z-]+\.[a-z-]+)` \|.*\| (\d+) \|$/gm)];
  const told = rows.map(([, point, kills]) => [point, Number(kills)]);
  expect(told).toEqual(CRASH_POINTS.map((point) => [point, aimedAt(point, scenarios)]));
});
