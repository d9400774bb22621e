import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runFile } from "../../support/run-file.ts";

// Nothing listens there: what is asked of a command here ends before it needs a database.
const env = { DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" };
const duly = (args: string[], more: Record<string, string> = {}) =>
  runFile("services/cli/main.ts", args, { ...env, ...more });

const folder = await mkdtemp(join(tmpdir(), "duly cli "));
afterAll(() => rm(folder, { recursive: true }));

test.each([[[]], [["--help"]]])("%j shows what there is", async (args) => {
  const finished = await duly(args);
  expect(finished).toMatchObject({ code: 0, err: "" });
  expect(finished.out).toMatch(/import payments FILE\.csv .*\n.*send otp/);
});

test.each([
  [["improt", "payments"], /no command "improt payments"\. Did you mean: import payments\?/],
  [["import"], /import what\? There is: payments\./],
  [["frobnicate"], /no command "frobnicate"\. duly --help shows/],
])("%j is not understood: code 2 and what was meant", async (args, sentence) => {
  const finished = await duly(args);
  expect(finished).toMatchObject({ code: 2, out: "" });
  expect(finished.err).toMatch(sentence);
});

test("a command's help and its exit codes come through", async () => {
  expect(await duly(["import", "payments", "--help"])).toMatchObject({
    code: 0,
    out: expect.stringContaining("Exit codes:") as string,
  });
  expect(await duly(["import", "payments"])).toMatchObject({ code: 2 });
  expect(await duly(["import", "payments", "no such file"])).toMatchObject({ code: 1 });
});

test("a file is looked for where npm was called, not where npm went", async () => {
  await writeFile(join(folder, "here.csv"), "x\n");
  const typed = { npm_lifecycle_event: "duly", INIT_CWD: folder };
  const found = await duly(["import", "payments", "here.csv"], typed);
  expect(found.err).not.toMatch(/no file/);
  expect((await duly(["import", "payments", "here.csv"])).err).toMatch(/no file here\.csv/);
});
