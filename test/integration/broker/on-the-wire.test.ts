import { connect, type GetMessage } from "amqplib";
import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type OutgoingMessage, publishBatch } from "#shared/broker/publish-batch.ts";
import { defineEvent, defineJob, emit, enqueue, handle, RetryableError } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

const engine = useEngine();
const payload = z.object({});
const Fail = defineJob("wire.fail", { payload, priority: "high", attempts: 2, backoff: [1_000] });
const Forged = defineJob("wire.forged", { payload, priority: "high", attempts: 2, backoff: [1_000] });
const Fact = defineEvent("wire.fact", { version: 1, data: z.object({}) });

/** What the broker itself writes into the headers of what it hands out. */
const BROKERS_OWN = new Set(["x-delivery-count", "x-acquired-count"]);
const TAPPED = ["duly.jobs", "duly.retry.1s", "duly.events", "duly.dead-letters"];
const seen: GetMessage[] = [];

async function tapUntil(what: string, enough: () => boolean): Promise<void> {
  await eventually(what, async () => {
    seen.push(...(await engine.broker.takeAll("tap")));
    return enough();
  });
}

/** Everything about one job that went by, as exchange and send. */
function waysOf(id: string): string[] {
  return seen
    .filter(({ properties }) => properties.messageId === id)
    .map(({ fields, properties }) => `${fields.exchange} ${properties.headers?.["duly-send"] ?? "-"}`);
}

function headersOf(message: GetMessage): string[] {
  return Object.keys(message.properties.headers ?? {}).filter((name) => !BROKERS_OWN.has(name));
}

beforeAll(async () => {
  const { db, broker } = engine;
  await register(db, "wire", [Fail, Forged], []);
  await (await engine.startRelay()).stop();
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  await channel.assertQueue("tap", { durable: true, arguments: { "x-queue-type": "quorum" } });
  for (const exchange of TAPPED) await channel.bindQueue("tap", exchange, "#");
  await connection.close();
});

describe("what the relay publishes", () => {
  beforeAll(async () => {
    const { db, broker } = engine;
    // Somebody's own message in place of the relay's, with all that a caller might try to slip in.
    const relay = await engine.startRelay();
    const forged = await enqueue(db, Forged, {});
    await eventually("the first send", async () => (await broker.count("wire.high")) === 1);
    await broker.takeAll("wire.high");
    await broker.put("wire.high", Buffer.from("{}"), {
      messageId: forged,
      type: Forged.type,
      headers: {
        "duly-send": 1,
        "duly-attempts": 40,
        "x-death": [{ queue: "wire.high", reason: "expired", count: 50 }],
        "x-mine": "kept?",
        mine: "kept?",
      },
      CC: ["wire.dead-letters"],
    });
    const fails = async () => {
      throw new RetryableError("busy", "not now", { effect: "none" });
    };
    const parts = [Fail, Forged].map((type) => handle(type, { effects: "keyed", perform: fails }));
    const consumer = await engine.consume("wire", parts);
    await emit(db, Fact, {}, { subject: "somebody" });
    const failed = await enqueue(db, Fail, {});
    const { attempt } = await engine.reaches(forged, "dead_lettered");
    expect(attempt).toBe(2); // counted in PostgreSQL, whatever a message says
    await engine.reaches(failed, "dead_lettered");
    const of = (id: string) => waysOf(id).filter((way) => way.startsWith("duly.dead-letters"));
    await tapUntil("all kinds of messages", () => of(forged).length > 0 && of(failed).length > 0);
    await tapUntil("the event", () => seen.some(({ fields }) => fields.exchange === "duly.events"));
    expect(waysOf(failed)).toEqual([
      "duly.jobs 1",
      "duly.retry.1s 2",
      "duly.jobs 2", // the wait queue's
      "duly.dead-letters -",
    ]);
    await consumer.stop();
    await relay.stop();
  });

  test("is persistent, never expires, and is dated in seconds", () => {
    expect(new Set(seen.map(({ fields }) => fields.exchange))).toEqual(new Set(TAPPED));
    const now = Date.now() / 1000;
    for (const { properties } of seen) {
      expect(properties.deliveryMode).toBe(2);
      expect(properties.expiration).toBeUndefined();
      expect(Math.abs(Number(properties.timestamp) - now)).toBeLessThan(120);
    }
  });

  test("carries Duly's own headers and CloudEvents' and nothing else, whatever was in the message before it", () => {
    // What came back from a wait queue bears the broker's marks of that; they are gone from the next send.
    const published = seen.filter(
      ({ fields, properties }) =>
        fields.exchange !== "duly.jobs" || properties.headers?.["x-death"] === undefined,
    );
    expect(published.length).toBeGreaterThanOrEqual(7);
    const strange = published.flatMap(headersOf).filter((name) => !/^(duly-|cloudEvents_)/.test(name));
    expect(strange).toEqual([]);
  });
});

test("no caller can put headers on a message", async () => {
  const call = sql`select duly.enqueue_many(${Fail.type}, '[{"payload": {}, "headers": {"CC": ["elsewhere"]}}]')`;
  await expect(call.execute(engine.db)).rejects.toMatchObject({
    code: "DU005",
    message: expect.stringContaining('no field "headers"') as string,
  });
});

test("what AMQP cannot carry is found before it is sent; its neighbours arrive and the channel lives", async () => {
  const connection = await connect(engine.broker.url);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const fine: OutgoingMessage = {
    exchange: "",
    routingKey: queue,
    body: Buffer.from("{}"),
    properties: { messageId: "1", persistent: true },
  };
  const withProperties = (more: object) => ({ ...fine, properties: { ...fine.properties, ...more } });
  const messages = [
    fine,
    { ...fine, body: Buffer.alloc(16 * 1024 * 1024 + 1) },
    withProperties({ headers: { long: "x".repeat(70 * 1024) } }),
    withProperties({ type: "x".repeat(256) }),
    { ...fine, routingKey: "x".repeat(256) },
    { ...fine, body: "no buffer" as unknown as Buffer },
    fine,
  ];
  const outcomes = await publishBatch(channel, messages, { timeoutMs: 5_000 });
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    "confirmed",
    ...Array.from({ length: 5 }, () => "unpublishable"),
    "confirmed",
  ]);
  expect(await publishBatch(channel, [fine], { timeoutMs: 5_000 })).toEqual([{ kind: "confirmed" }]);
  expect((await channel.checkQueue(queue)).messageCount).toBe(3);
  await connection.close();
});
