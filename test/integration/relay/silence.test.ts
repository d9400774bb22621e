import type { ConfirmChannel } from "amqplib";
import { sql } from "kysely";
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueueMany, type Priority } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { startService } from "../../support/service-process.ts";
import { layWire, type TcpProxy } from "../../support/tcp-proxy.ts";
import { freeRows } from "./free-rows.ts";
import { type OneLoop, startOneLoop } from "./one-loop.ts";

const engine = useEngine();
const Plain = defineJob("test.plain", {
  payload: z.object({}),
  priority: "high",
  priorities: ["critical", "high", "medium"],
});
let wire: TcpProxy;

beforeAll(async () => {
  await register(engine.db, "plain", [Plain], []);
  await (await engine.startRelay()).stop();
});
beforeEach(async () => {
  wire = await layWire(engine.broker.url);
});
afterEach(async () => {
  await wire.close();
  await sql`truncate duly.jobs, duly.outbox`.execute(engine.db);
});

async function startRelay(settings: Record<string, string> = {}): Promise<void> {
  const relay = await engine.startRelay({ AMQP_URL: wire.url, ...settings });
  onTestFinished(() => relay.stop());
}

async function add(count: number, priority: Priority): Promise<string[]> {
  return enqueueMany(
    engine.db,
    Plain,
    Array.from({ length: count }, () => ({ payload: {}, priority })),
  );
}

async function rowsOf(lane: Priority): Promise<number> {
  return (await sql`select from duly.outbox where lane = ${lane}::duly.lane`.execute(engine.db)).rows.length;
}

const freeOf = (lane: Priority) => freeRows(engine.db, lane);

async function empties(lane: Priority): Promise<void> {
  await eventually(`lane ${lane} to be empty`, async () => (await rowsOf(lane)) === 0, 20_000);
}

/** Resolves when the relay publishes over both its connections. */
async function isUp(): Promise<void> {
  for (const lane of ["high", "critical"] as const) {
    await add(1, lane);
    await empties(lane);
  }
}

test("an alarm of the broker pauses the relay without locks and without another connection", async () => {
  // Not for want of confirms does it let go.
  await startRelay({ RELAY_CONFIRM_MS: "60000" });
  await isUp();
  const connections = wire.taken();

  wire.hold(true); // it reads no more from whoever publishes,
  await add(20, "high");
  await add(20, "critical");
  await eventually(
    "the relay to hold them",
    async () => (await freeOf("high")) + (await freeOf("critical")) === 0,
  );
  wire.alarm(true); // and says so once something was published
  await eventually(
    "the relay to let them go",
    async () => (await freeOf("high")) + (await freeOf("critical")) === 40,
  );
  await add(20, "critical");
  expect(await freeOf("critical")).toBe(40);

  wire.hold(false);
  wire.alarm(false);
  await empties("critical");
  await empties("high");
  expect(wire.taken()).toBe(connections);
});

test("rows of critical jobs that nobody confirms are let go before those of others", async () => {
  await startRelay({ RELAY_CONFIRM_MS: "3000" });
  await isUp();
  wire.refuse(true);
  wire.swallow();
  await add(5, "high");
  await add(5, "critical");
  await eventually(
    "the relay to hold them",
    async () => (await freeOf("high")) + (await freeOf("critical")) === 0,
  );
  await eventually("the critical ones to be free", async () => (await freeOf("critical")) === 5, 2_500);
  expect(await freeOf("high")).toBe(0);
});

test("a relay that is stopped with rows in its hands keeps them from the others for seconds only", async () => {
  const stopped = await startService("relay", {
    DATABASE_URL: engine.url,
    AMQP_URL: wire.url,
    RELAY_CONFIRM_MS: "500",
  });
  await add(1, "high");
  await empties("high");
  wire.swallow();
  await add(20, "high");
  await eventually("the relay to hold them", async () => (await freeOf("high")) === 0);
  stopped.signal("SIGSTOP");
  const other = await engine.startRelay();
  onTestFinished(() => other.stop());
  await empties("high");
  // It never came to its end by itself: it still stands where it was stopped.
  expect(stopped.output()).not.toContain("stopping");
  await stopped.kill();
});

/** The relay's loop on a connection whose confirms for the messages of some queue get lost. */
async function startLoop(
  muted: Set<string>,
  onQuestion?: Parameters<typeof startOneLoop>[3],
): Promise<OneLoop> {
  const loop = await startOneLoop(
    engine,
    { lanes: ["critical", "high", "medium"], confirmMs: 1_500 },
    (channel) => mute(channel, muted),
    onQuestion,
  );
  onTestFinished(() => loop.stop());
  return loop;
}

function mute(channel: ConfirmChannel, muted: Set<string>): ConfirmChannel {
  const publish = channel.publish.bind(channel);
  channel.publish = (exchange, key, body, options, callback) => {
    const isMuted = [...muted].some((queue) => key.startsWith(`${queue}.`));
    return publish(exchange, key, body, options, isMuted ? () => undefined : callback);
  };
  return channel;
}

test("a queue that confirms nothing holds up its batch once, then only its own jobs, until it answers again", async () => {
  const muted = new Set(["plain.high"]);
  const loop = await startLoop(muted);
  await add(30, "high");
  await eventually("the loop to notice", async () => loop.channels() === 2);
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    await add(10, "high");
    await add(10, "medium");
    await empties("medium");
    expect(performance.now() - began).toBeLessThan(1_000);
  }
  expect(await rowsOf("high")).toBe(80);
  muted.clear();
  await eventually(
    "all of them to go out",
    async () => {
      await sql`update duly.outbox set not_before = null where not_before is not null`.execute(engine.db);
      return (await rowsOf("high")) === 0;
    },
    15_000,
  );
});

test("silence in every queue of a batch is told from a broker that is silent itself", async () => {
  const muted = new Set(["plain.high"]);
  const loop = await startLoop(muted);
  await add(5, "high");
  await eventually("the loop to go on with another channel", async () => loop.channels() === 2);
  await add(5, "medium");
  await empties("medium");
  expect(await rowsOf("high")).toBe(5);
});

test("a broker that dies while it is asked whether it lives does not keep the relay waiting", async () => {
  const muted = new Set(["plain.high"]);
  let questions = 0;
  // What the driver does when the socket dies between the question and its goodbye: that is never answered.
  const loop = await startLoop(muted, (channel) => {
    questions += 1;
    channel.close = () => new Promise(() => undefined);
  });
  await add(5, "high");
  await eventually("the loop to go on with another channel", async () => loop.channels() === 2);
  expect(questions).toBe(1);
  await add(5, "medium");
  await empties("medium");
});
