import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineEvent, defineJob, emit, handle, subscribe } from "#shared/index.ts";
import { deriveId } from "#shared/jobs/derive-id.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { useRoad } from "./road.ts";

const engine = useRoad();
const paidTo = (who: string) =>
  defineEvent(`${who}.paid`, { version: 1, data: z.object({ bill: z.string() }) });
const correlationId = "0198a000-0000-7000-8000-000000000001";
const causeId = "0198a000-0000-7000-8000-000000000002";

interface Made {
  id: string;
  correlation_id: string;
  causation_id: string;
  state: string;
  payload: unknown;
}

async function jobsOf(type: string): Promise<Made[]> {
  const rows = await sql<Made>`
    select id, correlation_id, causation_id, state, payload from duly.jobs where type = ${type} order by number`.execute(
    engine.db,
  );
  return rows.rows;
}

/** A service that makes a notice of each paid bill; those of the bill "skip" ask for nothing. */
async function listener(service: string, Paid = paidTo(service)) {
  const Notice = defineJob(`${service}.notice`, {
    payload: z.object({ bill: z.string() }),
    priority: "high",
  });
  const heard: unknown[] = [];
  const consumer = await engine.consume(service, [
    handle(Notice, { record: async () => undefined }),
    subscribe(Paid, (event) => {
      heard.push(event);
      if (event.data.bill === "bad") throw new Error("no such bill");
      return event.data.bill === "skip" ? undefined : { job: Notice, payload: { bill: event.data.bill } };
    }),
  ]);
  const queue = `${service}.events`;
  // An event that comes before the binding is nobody's.
  await eventually(`${queue} to be bound`, async () => {
    const path = `/api/queues/${engine.broker.name}/${queue}/bindings`;
    const bindings = (await management("GET", path)) as { source?: string }[] | { error: string };
    return Array.isArray(bindings) && bindings.some(({ source }) => source === "duly.events");
  });
  return { Paid, Notice, heard, consumer, queue };
}

test.concurrent("an event becomes one job, with its story, however often it is delivered", async () => {
  const { Paid, Notice, heard, consumer, queue } = await listener("notices");
  const options = { cause: { id: causeId, correlationId }, subject: "bill 7" };
  const event = await engine.db.transaction().execute((trx) => emit(trx, Paid, { bill: "7" }, options));
  await eventually("the notice", async () => (await jobsOf(Notice.type))[0]?.state === "completed");
  const again = { messageId: event, type: Paid.routingKey, correlationId };
  await engine.broker.put(queue, Buffer.from('{"bill":"7"}'), again);
  await eventually("the second delivery", async () => heard.length === 2);
  await consumer.stop();
  expect(await engine.broker.count(queue)).toBe(0);
  const id = deriveId(event, `notices/${Notice.type}`);
  expect(await jobsOf(Notice.type)).toEqual([
    { id, correlation_id: correlationId, causation_id: event, state: "completed", payload: { bill: "7" } },
  ]);
  expect(heard[0]).toMatchObject({
    id: event,
    type: "notices.paid",
    data: { bill: "7" },
    subject: "bill 7",
    correlationId,
  });
});

test.concurrent("an event that asks for nothing is acked, and one that cannot be read is a dead letter", async () => {
  const { Paid, Notice, consumer, queue } = await listener("reader");
  const id = "0198a000-0000-7000-8000-00000000000a";
  const paid = { messageId: id, type: Paid.routingKey };
  const unfit: [Buffer, object][] = [
    [Buffer.from([0, 0xff]), paid],
    [Buffer.from('{"bill":7}'), paid],
    [Buffer.from('{"bill":"7"}'), { ...paid, messageId: undefined }],
    [Buffer.from('{"bill":"7"}'), { ...paid, messageId: "not a uuid" }],
    [Buffer.from('{"bill":"7"}'), { ...paid, type: "bill.paid.v2" }],
    [Buffer.from('{"bill":"7"}'), { ...paid, correlationId: "not a uuid" }],
    [Buffer.from('{"bill":"bad"}'), paid],
    [Buffer.from('{"bill":"\\u0000"}'), paid], // jsonb has no NUL
  ];
  for (const [body, properties] of unfit) await engine.broker.put(queue, body, properties);
  await engine.broker.put(queue, Buffer.from('{"bill":"skip"}'), paid);
  const letters = () =>
    sql<{ body: Buffer }>`select body from duly.dead_letters where service = 'reader' order by id`.execute(
      engine.db,
    );
  await eventually("all letters", async () => (await letters()).rows.length === unfit.length);
  await eventually(
    "the copies",
    async () => (await engine.broker.count("reader.dead-letters")) === unfit.length,
  );
  await consumer.stop();
  expect(await engine.broker.count(queue)).toBe(0);
  const bodies = (await letters()).rows.map(({ body }) => body.toString("hex")).sort();
  expect(bodies).toEqual(unfit.map(([body]) => body.toString("hex")).sort());
  expect(await jobsOf(Notice.type)).toEqual([]);
});

test.concurrent("two services that hear the same event make a job each", async () => {
  const Paid = paidTo("both");
  const ears = [await listener("ear-one", Paid), await listener("ear-two", Paid)];
  const event = await engine.db.transaction().execute((trx) => emit(trx, Paid, { bill: "9" }));
  for (const { Notice } of ears) {
    const made = await eventually("its notice", async () => (await jobsOf(Notice.type))[0]);
    expect(made).toMatchObject({ causation_id: event, payload: { bill: "9" } });
  }
});

test("a late copy of an event whose job is in the history makes no second job", async () => {
  const { Paid, Notice, heard, consumer, queue } = await listener("archivist");
  const event = await engine.db.transaction().execute((trx) => emit(trx, Paid, { bill: "8" }));
  await eventually("the notice", async () => (await jobsOf(Notice.type))[0]?.state === "completed");
  const none = "00000000-0000-0000-0000-000000000000";
  await sql`select duly.archive_finished(${none}::uuid, '0 s', 1000)`.execute(engine.db);
  expect(await jobsOf(Notice.type)).toEqual([]);
  const before = heard.length;
  await engine.broker.put(queue, Buffer.from('{"bill":"8"}'), { messageId: event, type: Paid.routingKey });
  await eventually("the second delivery", async () => heard.length > before);
  await consumer.stop();
  expect(await engine.broker.count(queue)).toBe(0);
  expect(await jobsOf(Notice.type)).toEqual([]);
});
