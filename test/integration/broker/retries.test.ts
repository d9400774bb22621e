import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany, handle, RetryableError } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const engine = useEngine();
const payload = z.object({});

/** A job whose first attempt fails, and its handler. */
function failingOnce(type: string, delayMs: number) {
  const definition = defineJob(type, { payload, priority: "high", attempts: 2, backoff: [delayMs] });
  const handler = handle(definition, {
    effects: "keyed",
    perform: async ({ job }) => {
      if (job.attempt === 1) throw new RetryableError("busy", "not now", { effect: "none" });
    },
  });
  return { definition, handler };
}

beforeAll(() => engine.startRelay());

test("a short retry overtakes a long one of the same queue", async () => {
  const long = failingOnce("overtake.long", 64_000);
  const short = failingOnce("overtake.short", 1_000);
  await engine.consume("overtake", [long.handler, short.handler]);
  const first = await enqueue(engine.db, long.definition, {});
  await engine.reaches(first, "retrying");
  const second = await enqueue(engine.db, short.definition, {});
  expect(await engine.reaches(second, "completed")).toMatchObject({ attempt: 2 });
  await engine.reaches(first, "retrying");
  await eventually(
    "the long one to wait",
    async () => (await engine.broker.count("overtake.high.retry.64s")) === 1,
  );
});

test("retries that cannot go back to their queue hold up no other queue's", async () => {
  const { db, broker } = engine;
  const stuck = failingOnce("stuck.work", 1_000);
  const free = failingOnce("free.work", 1_000);
  await register(db, "stuck", [stuck.definition], []);
  await engine.consume("free", [free.handler]);
  // More than RabbitMQ has under way at once from one wait queue: 32.
  const items = Array.from({ length: 40 }, () => ({ payload: {} }));
  await enqueueMany(db, stuck.definition, items);
  await eventually("all in the queue", async () => (await broker.count("stuck.high")) === 40);
  await broker.unbind("stuck.high", "duly.jobs", "stuck.high.#");
  await engine.consume("stuck", [stuck.handler]);

  const wait = "stuck.high.retry.1s";
  await eventually("all to wait", async () => (await broker.count(wait)) > 0);
  await eventually("their time to be over", async () => (await broker.count(wait)) === 0);
  const id = await enqueue(db, free.definition, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
  expect(await broker.count("stuck.high")).toBe(0);
});
