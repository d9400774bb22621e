import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { holdAtGate } from "#shared/gates/hold-at-gate.ts";
import { defineJob, enqueue } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { runFile } from "../../support/run-file.ts";
import { gateOf } from "./gate-world.ts";

const engine = useEngine();
const Mail = defineJob("email.otp", { payload: z.object({}), priority: "critical" });
const patience = { timeout: 60_000 }; // each command is a process of its own

beforeAll(() => register(engine.db, "mail", [Mail], []));

function run(command: string, ...args: string[]) {
  return runFile(`services/scheduler/commands/${command}.ts`, args, { DATABASE_URL: engine.url });
}

test("a pause is made, shown and ended from the terminal", patience, async () => {
  const gate = "pause: type email.otp";
  const paused = await run(
    "pause",
    "type",
    "email.otp",
    "--until",
    "10m",
    "--reason",
    "the provider moves house",
  );
  expect(paused).toMatchObject({ code: 0, err: "" });
  expect(paused.out).toMatch(/^paused type email\.otp until 20\d\d-\d\d-\d\dT/);
  expect(await gateOf(engine, gate)).toMatchObject({ state: "shut", reason: "the provider moves house" });
  const id = await enqueue(engine.db, Mail, {});
  await holdAtGate(engine.db, [{ id, waitsFor: gate }], 3_600_000);

  const [json, table] = await Promise.all([run("gates", "-o", "json"), run("gates")]);
  const shown = JSON.parse(json.out) as unknown;
  expect(shown).toMatchObject([{ name: gate, state: "shut", held: 1, until: expect.any(String) as string }]);
  expect(table.out).toMatch(
    /^WAITS FOR +STATE +HELD +SINCE +UNTIL +WHY\npause: type email\.otp +shut +1 .*the provider moves house\n$/,
  );

  expect(await run("resume", "type", "email.otp")).toMatchObject({
    code: 0,
    out: "resumed type email.otp\n",
  });
  expect((await gateOf(engine, gate))?.state).toBe("releasing");
  const again = await run("resume", "type", "email.otp");
  expect(again.code).toBe(1);
  expect(again.err).toMatch(/is not paused; duly gates shows what is/);
});

const refusals: readonly (readonly [args: readonly string[], sentence: RegExp])[] = [
  [["type", "no.such"], /there is no type "no\.such": no service has registered such a one/],
  [["queue", "mail.high"], /there is no queue "mail\.high"/],
  [["colour", "red"], /Allowed choices are type, queue/],
  [["queue", "mail.critical", "--until", "soon"], /"soon" is no time; write 10m, or a date with its zone/],
  [["type", "email.otp", "--until", "2020-01-01T00:00:00Z"], /"2020-01-01T00:00:00Z" is past/],
];

test("a pause that cannot be meant is refused with code 2 and says why", patience, async () => {
  const refused = await Promise.all(refusals.map(([args]) => run("pause", ...args)));
  for (const [place, [, sentence]] of refusals.entries()) {
    expect(refused[place]).toMatchObject({ code: 2, out: "" });
    expect(refused[place]?.err).toMatch(sentence);
  }
});
