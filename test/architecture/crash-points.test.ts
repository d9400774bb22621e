import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CRASH_POINTS } from "#shared/config/crash-point.ts";
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

it.each(CRASH_POINTS)("the engine comes by the crash point %s", (point) => {
  expect(sources).toContain(`crashPoint("${point}")`);
});
