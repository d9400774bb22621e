import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { parseCrash } from "#shared/config/crash-point.ts";
import { root } from "../../support/repository.ts";

const program = `
  import { crashPoint } from "#shared/config/crash-point.ts";
  for (let pass = 1; pass <= 3; pass += 1) {
    crashPoint("relay.claimed");
    crashPoint("relay.confirmed");
    process.stdout.write(String(pass));
  }
`;

function run(at: string) {
  const env = { PATH: process.env["PATH"] ?? "", DULY_CRASH_AT: at };
  return spawnSync(process.execPath, ["--input-type=module-typescript", "-e", program], {
    cwd: root,
    env,
    encoding: "utf8",
  });
}

test("a process dies at the pass that it was told, by a signal that nobody can catch", () => {
  const { signal, stdout, stderr } = run("relay.confirmed:2");
  expect({ signal, stdout }).toEqual({ signal: "SIGKILL", stdout: "1" });
  expect(stderr).toContain("SIGKILL at crash point relay.confirmed, pass 2");
});

test("without being told it goes on", () => {
  expect(run("")).toMatchObject({ status: 0, stdout: "123" });
});

test("a point that is not there is refused, for its fault would silently be missing", () => {
  expect(run("relay.nowhere").status).toBe(1);
  expect(() => parseCrash("relay.nowhere")).toThrow("use scheduler.looking");
});

test("passes and signal are read as written", () => {
  expect(parseCrash("consumer.settled")).toEqual({ point: "consumer.settled", passes: 1, signal: "SIGKILL" });
  expect(parseCrash("consumer.settled:7:SIGSTOP")).toMatchObject({ passes: 7, signal: "SIGSTOP" });
  for (const wrong of [
    "consumer.settled:0",
    "consumer.settled:x",
    "consumer.settled:1:SIGTERM",
    "consumer.settled:1:SIGKILL:2",
  ])
    expect(() => parseCrash(wrong)).toThrow("DULY_CRASH_AT");
});
