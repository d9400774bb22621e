import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NODE_FLAGS } from "../../../services/local/processes/node-flags.ts";
import { root } from "../../support/repository.ts";

test.each(["Dockerfile", "docs/operations.md"])("%s starts Node as the local stack does", (file) => {
  expect(readFileSync(join(root, file), "utf8")).toContain(`node ${NODE_FLAGS.join(" ")} services/`);
});
