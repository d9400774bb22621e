import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { settingsFor } from "../../../services/cli/stack-environment.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "duly-cli-"));
  file = join(folder, "stack.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

const environment = { DATABASE_URL: "postgres://stack", CHAIN_URL: "http://stack" };
const writeStack = (pid: number) =>
  writeFileSync(file, JSON.stringify({ environment, processes: [{ name: "relay", pid }] }));

describe("settingsFor", () => {
  it("takes the environment as it is when it names a database, and nothing of the stack", () => {
    writeStack(process.pid);
    const given = { DATABASE_URL: "postgres://mine" };
    expect(settingsFor(given, file)).toEqual({ environment: given, note: undefined });
  });

  it("takes a running stack's settings, beside what else is set", () => {
    writeStack(process.pid);
    expect(settingsFor({ PATH: "/bin", DATABASE_URL: "" }, file)).toEqual({
      environment: { PATH: "/bin", ...environment },
      note: expect.stringContaining("local stack") as string,
    });
  });

  it("says what to do when there is no stack, or one that has ended, or a broken file", () => {
    expect(settingsFor({}, file)).toEqual({
      fault: expect.stringMatching(/no local stack runs.*npm start/) as string,
    });
    writeStack(2 ** 30);
    expect(settingsFor({}, file)).toEqual({
      fault: expect.stringMatching(/no longer runs.*npm start/) as string,
    });
    writeFileSync(file, "{");
    expect(settingsFor({}, file)).toEqual({
      fault: expect.stringMatching(/cannot be read.*npm start/) as string,
    });
  });
});
