import { randomUUID } from "node:crypto";
import type { GetMessage, Options } from "amqplib";
import { sql } from "kysely";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { HEADER } from "#shared/broker/headers.ts";
import { deadLetterDelivery } from "#shared/consuming/dead-letter-delivery.ts";
import { defineJob, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, declareQueueOf, holds, lettersOf, type SeenLetter, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({ amount: z.number() });
const Perform = defineJob("unfit.perform", {
  payload: z.strictObject({ amount: z.number() }),
  priority: "high",
});
const Record = defineJob("unfit.record", { payload, priority: "high" });
const calls: string[] = [];
const good = Buffer.from('{"amount":1}');
const send = { [HEADER.send]: 1, [HEADER.attempts]: 0 };

beforeAll(async () => {
  await engine.consume("unfit", [
    handle(Perform, { effects: "keyed", perform: async ({ job }) => void calls.push(job.id) }),
    handle(Record, { record: async (_, __, { job }) => void calls.push(job.id) }),
  ]);
  // The queue is there when the first job is done.
  await engine.reaches(await add(engine, Record, { amount: 0 }), "completed");
});
beforeEach(() => void calls.splice(0));

async function newestLetter(after: string): Promise<SeenLetter> {
  return eventually("the letter", async () => {
    const rows = await sql<SeenLetter>`
      select * from duly.dead_letters where id > ${after} and service = 'unfit'`.execute(engine.db);
    return rows.rows[0];
  });
}

async function parkedCopy(letter: SeenLetter, queue = "unfit.dead-letters"): Promise<GetMessage> {
  return eventually("the parked copy", async () =>
    (await engine.broker.takeAll(queue)).find(
      (message) => message.properties.headers?.[HEADER.letter] === letter.id,
    ),
  );
}

const unknownId = randomUUID();
const long = "\u20ac".repeat(80); // 240 bytes
const cases: readonly [
  what: string,
  body: Buffer,
  properties: Options.Publish,
  reason: string,
  message: RegExp,
][] = [
  ["garbage bytes", Buffer.from([0, 1, 2, 0, 0xff]), { type: Perform.type }, "unreadable_message", /JSON/],
  ["NUL characters", Buffer.from("\u0000\u0000"), { type: Perform.type }, "unreadable_message", /JSON/],
  [
    "bytes that are no UTF-8",
    Buffer.from([0x22, 0xc3, 0x28, 0x22]),
    { type: Perform.type },
    "unreadable_message",
    /./,
  ],
  ["half a surrogate pair", Buffer.from('"\\ud83d'), { type: Perform.type }, "unreadable_message", /JSON/],
  ["an empty body", Buffer.alloc(0), { type: Record.type }, "unreadable_message", /JSON/],
  ["JSON of an unknown type", good, { type: "nobody.knows" }, "unknown_type", /nobody\.knows/],
  ["JSON without a type", good, {}, "unknown_type", /none/],
  ["a type of 240 bytes", good, { type: long }, "unknown_type", /./],
  ["a type with NUL in it", good, { type: "nul\u0000" }, "unknown_type", /./],
  ["an invalid payload", Buffer.from('{"amount":"1"}'), { type: Record.type }, "invalid_payload", /amount/],
  [
    "a payload with NUL in a key",
    Buffer.from('{"amount":1,"\\u0000":1}'),
    { type: Perform.type },
    "invalid_payload",
    /./,
  ],
  ["no message_id", good, { type: Perform.type, headers: send }, "unknown_job", /message_id/],
  [
    "a message_id that is no UUID",
    good,
    { type: Record.type, messageId: "7", headers: send },
    "unknown_job",
    /message_id/,
  ],
  ["no send number", good, { type: Record.type, messageId: randomUUID() }, "unknown_job", /duly-send/],
  [
    "an unknown job id",
    good,
    { type: Perform.type, messageId: unknownId, headers: send },
    "unknown_job",
    /no job has/,
  ],
  [
    "an unknown recorded job",
    good,
    { type: Record.type, messageId: randomUUID(), headers: send },
    "unknown_job",
    /no job has/,
  ],
  [
    "headers that JSON cannot carry",
    good,
    {
      headers: {
        nul: "\u0000",
        half: "\ud83d",
        big: 2 ** 53,
        bytes: Buffer.from([0]),
        when: { "!": "timestamp", value: 1 },
      },
    },
    "unknown_type",
    /./,
  ],
];

test.each(cases)(
  "%s put on a queue by hand is a dead letter with its bytes, never handled",
  async (...given) => {
    const [, body, properties, reason, message] = given;
    const before = await sql<{ id: string }>`select duly.new_id() as id`.execute(engine.db);
    await engine.broker.put("unfit.high", body, properties);
    const letter = await newestLetter(before.rows[0]?.id ?? "");
    expect(letter).toMatchObject({ reason, priority: "high", attempts: 0 });
    expect(letter.error.message).toMatch(message);
    expect(letter.body).toEqual(body);
    expect(letter.headers).toMatchObject({ routingKey: "unfit.high", queue: "unfit.high", exchange: "" });
    const copy = await parkedCopy(letter);
    expect(copy.content).toEqual(body);
    expect(copy.properties.headers).toMatchObject({ [HEADER.reason]: reason, [HEADER.origin]: "unfit.high" });
    expect(calls).toEqual([]);
    // The handlers still work after it.
    const ids = [await add(engine, Perform, { amount: 1 }), await add(engine, Record, { amount: 1 })];
    for (const id of ids) await engine.reaches(id, "completed");
    expect(new Set(calls)).toEqual(new Set(ids));
    expect(await engine.broker.count("unfit.high")).toBe(0);
  },
);

test("a live job with a payload that its handler refuses is dead-lettered itself", async () => {
  const added = await sql<{ id: string }>`
    select duly.enqueue('unfit.perform', '{"amount": "from SQL", "more": 1}', unique_key => 'u') as id`.execute(
    engine.db,
  );
  const id = added.rows[0]?.id ?? "";
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ attempt: 0, claim: 0 });
  const letters = await lettersOf(engine, id);
  expect(letters).toMatchObject([{ reason: "invalid_payload", payload: { amount: "from SQL", more: 1 } }]);
  const copy = await parkedCopy(letters[0] as SeenLetter);
  expect(JSON.parse(copy.content.toString())).toEqual({ amount: "from SQL", more: 1 });
  expect(copy.properties).toMatchObject({ messageId: id, type: "unfit.perform" });
  expect(calls).not.toContain(id);
});

test("an unfit copy of a finished job is stale: no letter, and the job stays as it is", async () => {
  const id = await add(engine, Record, { amount: 1 });
  await engine.reaches(id, "completed");
  const copy = { messageId: id, type: Record.type, headers: send };
  await engine.broker.put("unfit.high", Buffer.from("no JSON"), copy);
  await engine.broker.put("unfit.high", good, { ...copy, type: "nobody.knows" });
  await engine.reaches(await add(engine, Perform, { amount: 1 }), "completed");
  await engine.reaches(await add(engine, Record, { amount: 1 }), "completed");
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  expect(await lettersOf(engine, id)).toEqual([]);
});

test("what a foreign consumer rejects is recorded once, a job of ours as that job's letter", async () => {
  const Rejected = defineJob("rejected.work", { payload, priority: "high" });
  const queue = await declareQueueOf(engine, "rejected", Rejected);
  const id = await add(engine, Rejected, { amount: 1 });
  await holds(engine, queue, 1);
  await engine.broker.put(queue, Buffer.from([0, 0xff]), { type: "foreign", headers: { mine: "\u0000" } });
  await holds(engine, queue, 2);
  expect(await engine.broker.rejectAll(queue)).toBe(2);
  const recorder = await engine.startRecorder();
  expect(await engine.reaches(id, "dead_lettered")).toMatchObject({ attempt: 0 });
  const all = () =>
    sql<SeenLetter>`select * from duly.dead_letters where service = 'rejected' order by job_id`.execute(
      engine.db,
    );
  await eventually("two letters", async () => (await all()).rows.length === 2);
  await recorder.stop();
  const [ours, foreign] = (await all()).rows;
  expect(ours).toMatchObject({
    job_id: id,
    reason: "rejected_by_broker",
    priority: "high",
    payload: { amount: 1 },
  });
  expect(foreign).toMatchObject({
    job_id: null,
    reason: "rejected_by_broker",
    priority: "high",
    type: "foreign",
  });
  expect(foreign?.body).toEqual(Buffer.from([0, 0xff]));
  expect(ours?.error.message).toBe("the queue rejected.high gave it up: rejected");
  await eventually(
    "two parked copies",
    async () => (await engine.broker.count("rejected.dead-letters")) === 2,
  );
  expect(await engine.broker.count("duly.rejected")).toBe(0);
});

test("a message put on the rejected queue by hand is recorded too", async () => {
  await engine.broker.put("duly.rejected", Buffer.from("by hand"));
  const recorder = await engine.startRecorder();
  const letter = await eventually("the letter", async () => {
    const rows = await sql<SeenLetter>`select * from duly.dead_letters where service = 'duly'`.execute(
      engine.db,
    );
    return rows.rows[0];
  });
  expect(letter).toMatchObject({ reason: "rejected_by_broker", priority: null });
  await recorder.stop();
});

test("bytes whose recorder died before it could ack get no second letter; others like them do", async () => {
  const queue = "duly.rejected";
  const of = (count: object, redelivered: boolean, mark = "once") => ({
    service: "died",
    priority: undefined,
    reason: "rejected_by_broker" as const,
    message: "given up",
    id: undefined,
    send: undefined,
    type: "foreign",
    delivery: {
      queue,
      exchange: "duly.rejected",
      routingKey: queue,
      body: Buffer.from([0, 0xff]),
      messageId: undefined,
      type: "foreign",
      correlationId: undefined,
      headers: { mark, ...count },
      redelivered,
      isGone: () => false,
      ack: () => undefined,
      giveBack: () => undefined,
    },
  });
  expect(await deadLetterDelivery(engine.db, of({}, false))).toBe("loose");
  expect(await deadLetterDelivery(engine.db, of({ "x-delivery-count": 1 }, true))).toBe("stale");
  // Another message that looks the same was not there before.
  expect(await deadLetterDelivery(engine.db, of({}, false))).toBe("loose");
  expect(await deadLetterDelivery(engine.db, of({ "x-delivery-count": 1 }, true, "twice"))).toBe("loose");
});
