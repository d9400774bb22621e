import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { enqueue, enqueueMany } from "#shared/index.ts";
import { cancelJob } from "#shared/jobs/cancel-job.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { runFile } from "../../support/run-file.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { lineOf, promoteAll, Step } from "../keys/line.ts";

const { db, url } = await serviceDatabase("commands", [Step]);
const duly = (command: string, ...args: string[]) =>
  runFile(`services/scheduler/commands/${command}.ts`, args, { DATABASE_URL: url });

test("duly job tells what a job waits for, for people and for programs", async () => {
  const [first = "", second = ""] = await enqueueMany(db, Step, [
    { payload: { n: 1 }, orderingKey: "shown", uniqueKey: "u" },
    { payload: { n: 2 }, orderingKey: "shown" },
  ]);
  await promoteAll(db);
  const text = await duly("job", second);
  expect(text).toMatchObject({ code: 0, err: "" });
  expect(text.out).toContain(`It is next in the line of "shown", after job ${first}, which is queued.`);
  expect((await duly("job", first)).out).toMatch(/waits in the outbox .*\n[^]*unique key +u\n/);
  const json = JSON.parse((await duly("job", second, "-o", "json")).out) as unknown;
  expect(json).toMatchObject({ state: "blocked", ahead: 0, active: { id: first, state: "queued" } });
});

test("duly cancel ends a job, and says when there is nothing to cancel", async () => {
  const id = await enqueue(db, Step, { n: 1 });
  expect(await duly("cancel", id, "--reason", "wrong number")).toMatchObject({
    code: 0,
    out: `${id} cancelled\n`,
  });
  expect((await duly("job", id)).out).toMatch(/It was cancelled at .*: wrong number\./);
  expect(await duly("cancel", id)).toMatchObject({
    code: 1,
    out: expect.stringMatching(/has ended/) as string,
  });
});

test("duly unblock lets a line go on past its dead letter", async () => {
  const [first = "", second = ""] = await enqueueMany(db, Step, [
    { payload: { n: 1 }, orderingKey: "stuck" },
    { payload: { n: 2 }, orderingKey: "stuck" },
  ]);
  await promoteAll(db);
  await writeLetters(db, [{ id: first, attempts: 1 }], "permanent_error", { name: "E", message: "no" });
  expect((await duly("job", second)).out).toContain("Until that letter is settled, the line is held.");
  expect(await duly("unblock", "stuck")).toMatchObject({
    code: 0,
    out: `the line of "stuck" goes on past job ${first}\n`,
  });
  await promoteAll(db);
  expect(await lineOf(db, "stuck")).toEqual(["1 dead_lettered", "2 queued"]);
  expect(await duly("unblock", "stuck")).toMatchObject({ code: 1 });
  await cancelJob(db, second, "done with");
});

test.each([
  ["job", ["no-uuid"], 1, "a job's id is a UUID"],
  ["job", [randomUUID()], 1, "there is no job"],
  ["cancel", [], 2, "missing required argument"],
] as const)("duly %s %j ends with what to do", async (command, args, code, sentence) => {
  const finished = await duly(command, ...args);
  expect(finished.code).toBe(code);
  expect(finished.err).toContain(sentence);
});
