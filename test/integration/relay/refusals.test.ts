import type { ConfirmChannel, Options } from "amqplib";
import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";
import { listenTo } from "./listener.ts";
import { type OneLoop, startOneLoop } from "./one-loop.ts";

const engine = useEngine();
const Plain = defineJob("test.plain", {
  payload: z.object({}),
  priority: "high",
  priorities: ["high", "medium", "low"],
});
let refused: Set<string>;
let loop: OneLoop;

beforeAll(async () => {
  await register(engine.db, "plain", [Plain], []);
  await (await engine.startRelay()).stop();
});

/**
 * The relay's loop on a real connection, with one thing changed: what is in `refused` is published with an expiration
 * that is no number. RabbitMQ closes the channel over it with 406, as it does over a message above its
 * max_message_size, which none that the tests can send exceeds on every version.
 */
beforeEach(async () => {
  refused = new Set();
  loop = await startOneLoop(engine, { lanes: ["high", "medium", "low", "batch"], confirmMs: 5_000 }, spoil);
});
afterEach(async () => {
  await loop.stop();
  await sql`truncate duly.jobs, duly.outbox, duly.dead_letters`.execute(engine.db);
  for (const queue of ["plain.high", "plain.medium", "plain.low"])
    await management("DELETE", `/api/queues/${engine.broker.name}/${queue}/contents`);
});

function spoil(channel: ConfirmChannel): ConfirmChannel {
  const publish = channel.publish.bind(channel);
  channel.publish = (exchange, key, body, options: Options.Publish = {}, callback) => {
    const expiration = refused.has(String(options.messageId)) ? { expiration: "soon" } : {};
    return publish(exchange, key, body, { ...options, ...expiration }, callback);
  };
  return channel;
}

async function outboxEmpties(): Promise<void> {
  await eventually("all but the copies of letters to be published", async () => {
    return (await sql`select from duly.outbox where lane <> 'letter'`.execute(engine.db)).rows.length === 0;
  });
}

test("a message that the broker refuses for good is found, becomes a dead letter, and its batch arrives", async () => {
  const ids = await engine.db.transaction().execute(async (trx) => {
    const added = await enqueueMany(
      trx,
      Plain,
      Array.from({ length: 30 }, () => ({ payload: {} })),
    );
    refused.add(added[12]!);
    return added;
  });
  const job = await engine.reaches(ids[12]!, "dead_lettered");
  expect(job.last_error).toMatchObject({
    code: "unpublishable",
    message: expect.stringMatching(/PRECONDITION_FAILED - invalid expiration/) as string,
  });
  const listener = await listenTo(engine.broker.url, "plain.high");
  await expect.poll(() => new Set(listener.heard.map(({ id }) => id)).size, { timeout: 15_000 }).toBe(29);
  expect(listener.heard.map(({ id }) => id)).not.toContain(ids[12]);
  await listener.stop();
  const states = await sql`select from duly.jobs where state <> 'queued'`.execute(engine.db);
  expect(states.rows).toHaveLength(1);
});

test("it is found while other priorities have work too, and theirs arrives", async () => {
  const [id, ...others] = await engine.db.transaction().execute(async (trx) => {
    const items = ["high", "high", "medium", "low"] as const;
    const payloads = items.flatMap((priority) =>
      Array.from({ length: 15 }, () => ({ payload: {}, priority })),
    );
    const added = await enqueueMany(trx, Plain, payloads);
    refused.add(added[0]!);
    return added as [string, ...string[]];
  });
  await engine.reaches(id, "dead_lettered");
  await outboxEmpties();
  const arrived = new Set<string>();
  for (const queue of ["plain.high", "plain.medium", "plain.low"]) {
    for (const message of await engine.broker.takeAll(queue))
      arrived.add(String(message.properties.messageId));
  }
  expect(others.filter((other) => !arrived.has(other))).toEqual([]);
  expect(arrived.has(id)).toBe(false);
  expect(loop.channels()).toBeLessThan(10);
});

test("two refused messages in one batch are both found", async () => {
  const ids = await engine.db.transaction().execute(async (trx) => {
    const added = await enqueueMany(
      trx,
      Plain,
      Array.from({ length: 10 }, () => ({ payload: {} })),
    );
    refused.add(added[0]!).add(added[9]!);
    return added;
  });
  await engine.reaches(ids[0]!, "dead_lettered");
  await engine.reaches(ids[9]!, "dead_lettered");
  await outboxEmpties();
  const states = await sql`
    select from duly.jobs where id = any(${ids}::uuid[]) and state = 'dead_lettered'
  `.execute(engine.db);
  expect(states.rows).toHaveLength(2);
});
