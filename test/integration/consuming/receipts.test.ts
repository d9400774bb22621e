import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, type Effects, handle, PermanentError } from "#shared/index.ts";
import { add, effectsOf, intentsOf, lettersOf, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});

const receipts: readonly [name: string, receipt: unknown][] = [
  ["object", { hash: "0xabc", lines: [1, 2] }],
  ["bigint", { amount: 10n ** 30n }],
  ["date", { at: new Date(1_700_000_000_000) }],
  ["nothing", undefined],
  ["null", null],
  ["nul", "with \u0000 in it"],
];
const kinds: readonly Effects[] = ["keyed", "atLeastOnce", "atMostOnce"];

for (const effects of kinds) {
  for (const [name, receipt] of receipts) {
    test.concurrent(`an effect (${effects}) whose recording failed is not made again: receipt ${name}`, async () => {
      const Work = defineJob(`${effects.toLowerCase()}-${name}.work`, {
        payload,
        priority: "high",
        attempts: 3,
        backoff: [0],
      });
      let performed = 0;
      const recorded: unknown[] = [];
      const handler = handle(Work, {
        effects,
        perform: async () => {
          performed += 1;
          return receipt;
        },
        record: async (trx, kept, { job }) => {
          recorded.push(kept);
          await sql`insert into effects (job, note) values (${job.id}, ${String(job.attempt)})`.execute(trx);
          if (recorded.length < 3) throw new Error("the table is being changed");
        },
      });
      await engine.consume(`${effects.toLowerCase()}-${name}`, [handler], { high: 1 });
      const id = await add(engine, Work, {});
      expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
        state: "completed",
        attempt: 3,
      });
      expect(performed).toBe(1);
      expect(recorded).toEqual([receipt, receipt, receipt]);
      expect(await effectsOf(engine, id)).toEqual(["3"]);
      expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
    });
  }
}

test.concurrent("a receipt that no JSON can hold, without record, completes the job all the same", async () => {
  const Work = defineJob("bare.work", { payload, priority: "high", attempts: 3, backoff: [0] });
  let performed = 0;
  const answers: unknown[] = [{ amount: 7n }, "with \u0000 in it", "half a pair \ud83d"];
  const handler = handle(Work, { effects: "atLeastOnce", perform: async () => answers[performed++] });
  await engine.consume("bare", [handler], { high: 1 });
  for (const count of [1, 2, 3]) {
    const id = await add(engine, Work, {});
    expect(await engine.reaches(id, "completed", "dead_lettered")).toMatchObject({
      state: "completed",
      attempt: 1,
    });
    expect(performed).toBe(count);
  }
});

test.concurrent("a permanent error while recording dead-letters and leaves the intent applied", async () => {
  const Work = defineJob("refused.work", { payload, priority: "high", attempts: 3, backoff: [0] });
  let performed = 0;
  const handler = handle(Work, {
    effects: "keyed",
    perform: async () => void (performed += 1),
    record: async () => {
      throw new PermanentError("no_such_account", "there is no such account");
    },
  });
  await engine.consume("refused", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ attempt: 1 });
  expect(performed).toBe(1);
  expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
  expect(await lettersOf(engine, id)).toMatchObject([{ error: { code: "no_such_account" } }]);
});

test.concurrent("what record returns is kept as the job's result, and without record the receipt is", async () => {
  const WithRecord = defineJob("result.recorded", { payload, priority: "high" });
  const Without = defineJob("result.bare", { payload, priority: "high" });
  const Only = defineJob("result.only", { payload, priority: "high" });
  await engine.consume("result", [
    handle(WithRecord, {
      effects: "keyed",
      perform: async () => "receipt",
      record: async () => ({ kept: [1, null] }),
    }),
    handle(Without, { effects: "keyed", perform: async () => ({ receipt: true }) }),
    handle(Only, { record: async () => "recorded" }),
  ]);
  const results = [{ kept: [1, null] }, { receipt: true }, "recorded"];
  for (const [place, type] of [WithRecord, Without, Only].entries()) {
    const id = await add(engine, type, {});
    expect(await engine.reaches(id, "completed")).toMatchObject({ result: results[place] });
  }
});
