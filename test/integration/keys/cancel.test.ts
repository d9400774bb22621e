import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { cancel, enqueue } from "#shared/index.ts";
import { complete } from "#shared/jobs/complete.ts";
import { hold } from "#shared/jobs/hold.ts";
import { noteIntent } from "#shared/jobs/intents.ts";
import { retry } from "#shared/jobs/retry.ts";
import { type IntentOutcome, takeJob } from "#shared/jobs/take-job.ts";
import { writeLetters } from "#shared/jobs/write-letter.ts";
import { eventually } from "../../support/eventually.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { hearChannel } from "./hear-channel.ts";
import { holdOpen, Step, sendsOf } from "./line.ts";

const { db, url, open } = await serviceDatabase("cancels", [Step]);
const others = open(3);
const error = { name: "E", message: "no" };
const later = new Date(Date.now() + 3_600_000);

async function rowOf(id: string) {
  const found = await sql<{
    state: string;
    send: number;
    wake_at: Date | null;
    cancel_requested: boolean;
    last_error: { message: string } | null;
  }>`select state, send, wake_at, cancel_requested, last_error from duly.jobs where id = ${id}`.execute(db);
  return found.rows[0];
}

/** Runs a job up to the point where its outcome is known as `outcome`. */
async function runTo(outcome: IntentOutcome, uniqueKey?: string): Promise<string> {
  const id = await enqueue(db, Step, { n: 1 }, { uniqueKey });
  await takeJob(db, { id, send: 1, holder: randomUUID() });
  await noteIntent(db, { jobId: id, number: 1 }, outcome);
  return id;
}

test.each([
  ["scheduled", () => enqueue(db, Step, { n: 1 }, { runAt: later })],
  ["blocked", () => enqueue(db, Step, { n: 1 }, { orderingKey: randomUUID() })],
  ["queued", () => enqueue(db, Step, { n: 1 })],
  [
    "retrying",
    async () => {
      const id = await runTo("refused");
      await retry(db, { id, delayMs: 2_000, onLadder: true, error });
      return id;
    },
  ],
  [
    "held",
    async () => {
      const id = await runTo("unsent");
      await hold(db, { id, waitsFor: "unreachable: x", delayMs: 60_000, error });
      return id;
    },
  ],
])("a %s job whose effect is not in doubt ends at once, with the reason", async (state, make) => {
  const id = await make();
  expect(await rowOf(id)).toMatchObject({ state });
  expect(await cancel(db, id, "the customer changed her mind")).toBe("cancelled");
  expect(await rowOf(id)).toMatchObject({
    state: "cancelled",
    wake_at: null,
    last_error: { name: "Cancelled", message: "the customer changed her mind" },
  });
  const { send } = (await rowOf(id)) ?? { send: 0 };
  expect(await takeJob(db, { id, send, holder: randomUUID() })).toBeUndefined();
});

test("cancelling frees the unique key", async () => {
  const first = await enqueue(db, Step, { n: 1 }, { uniqueKey: "freed" });
  await cancel(db, first, "no");
  expect(await enqueue(db, Step, { n: 2 }, { uniqueKey: "freed" })).not.toBe(first);
});

test("a running job is left to its holder, who is told", async () => {
  const heard = await hearChannel(url, "duly_cancel");
  const id = await runTo("unknown");
  expect(await cancel(db, id, "too late?")).toBe("requested");
  expect(await rowOf(id)).toMatchObject({ state: "running", cancel_requested: true });
  await eventually("its holder to be told", async () => heard.payloads.includes(id));
  expect(await cancel(db, id, "again")).toBe("requested");
  await heard.stop();
});

test.each(["retrying", "held"])(
  "a %s job whose effect is in doubt is sent at once, to be asked about, and only once",
  async (state) => {
    const id = await runTo("doubtful");
    if (state === "held") await hold(db, { id, waitsFor: "an answer", delayMs: 60_000, error });
    else await retry(db, { id, delayMs: 60_000, onLadder: false, error });
    expect(await cancel(db, id, "no")).toBe("requested");
    expect(await rowOf(id)).toMatchObject({
      state: "queued",
      send: 3,
      wake_at: null,
      cancel_requested: true,
    });
    expect(await sendsOf(db, id)).toEqual([1, 3]);
    expect(await cancel(db, id, "no")).toBe("requested");
    expect(await rowOf(id)).toMatchObject({ send: 3 });
  },
);

test("what has ended, and what never was, is said", async () => {
  const done = await enqueue(db, Step, { n: 1 });
  await complete(db, [{ id: done, send: 1, result: undefined, startedAt: new Date() }]);
  expect(await cancel(db, done, "no")).toBe("finished");
  await sql`update duly.jobs set finished_at = finished_at - interval '1 day' where id = ${done}`.execute(db);
  await sql`select duly.archive_finished(${"00000000-0000-0000-0000-000000000000"}::uuid, '1 hour', 1000)`.execute(
    db,
  );
  expect(await rowOf(done)).toBeUndefined();
  expect(await cancel(db, done, "no")).toBe("finished");
  const dead = await enqueue(db, Step, { n: 1 });
  await writeLetters(db, [{ id: dead, attempts: 1 }], "permanent_error", error);
  expect(await cancel(db, dead, "no")).toBe("finished");
  expect(await cancel(db, randomUUID(), "no")).toBe("unknown");
});

test("from SQL the reason may be left out", async () => {
  const id = await enqueue(db, Step, { n: 1 });
  const said = await sql<{ cancel: string }>`select duly.cancel(${id})`.execute(db);
  expect(said.rows).toEqual([{ cancel: "cancelled" }]);
  expect(await rowOf(id)).toMatchObject({ last_error: { message: "cancelled on request" } });
});

test("who takes a job and who cancels it at the same time do not both succeed", async () => {
  const id = await enqueue(db, Step, { n: 1 });
  const end = await holdOpen(others, (trx) => cancel(trx, id, "no"));
  const taken = takeJob(db, { id, send: 1, holder: randomUUID() });
  await end("commit");
  expect(await taken).toBeUndefined();

  const kept = await enqueue(db, Step, { n: 1 });
  const take = await holdOpen(others, (trx) => takeJob(trx, { id: kept, send: 1, holder: randomUUID() }));
  const cancelled = cancel(db, kept, "no");
  await take("commit");
  expect(await cancelled).toBe("requested");
});
