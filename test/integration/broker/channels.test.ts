import { once } from "node:events";
import { createServer, connect as open, type Server, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "amqplib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { consumeQueue, type Delivery } from "#shared/broker/consume-queue.ts";
import { type BrokerConnection, holdConnection } from "#shared/broker/hold-connection.ts";
import { Intake } from "#shared/broker/intake.ts";
import { createLogger } from "#shared/log/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire } from "../../support/tcp-proxy.ts";
import { makeVirtualHost, type VirtualHost } from "../../support/virtual-host.ts";

const log = createLogger("test", process.env["DULY_TEST_LOG"] ?? "silent");
const QUORUM = { durable: true, arguments: { "x-queue-type": "quorum" } };
let broker: VirtualHost;

beforeAll(async () => {
  broker = await makeVirtualHost();
});
/** What has to be ended after the last test; the tests run side by side. */
const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
  await broker.remove();
});

async function declare(...queues: string[]): Promise<void> {
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  for (const queue of queues) await channel.assertQueue(queue, QUORUM);
  await connection.close();
}

interface Taker {
  /** Every delivery, in the order in which they came. */
  readonly taken: Delivery[];
  /** The consumer tags, each with the number of its connection. */
  readonly tags: string[];
  readonly connections: () => number;
  /** Stops and starts its consumers, as a gate that shuts and opens does. */
  readonly flap: () => void;
}

/** Consumes queues as a service does, each on a channel of one connection. */
function take(
  url: string,
  onDelivery: Readonly<Record<string, (delivery: Delivery) => Promise<void>>>,
): Taker {
  const taken: Delivery[] = [];
  const tags: string[] = [];
  let connections = 0;
  const intakes = new Map(Object.keys(onDelivery).map((queue) => [queue, new Intake(10)]));
  const stop = new AbortController();
  const hurry = AbortSignal.timeout(60_000);
  const use = async (connection: BrokerConnection, lost: AbortSignal) => {
    connections += 1;
    noteTags(connection, tags);
    const queues = Object.entries(onDelivery).map(([queue, settle]) => {
      const note = (delivery: Delivery) => {
        taken.push(delivery);
        return settle(delivery);
      };
      return consumeQueue({
        connection,
        queue,
        intake: intakes.get(queue)!,
        log,
        onDelivery: note,
        lost,
        stop: stop.signal,
        hurry,
      });
    });
    await Promise.all(queues);
  };
  const held = holdConnection({ url, name: "test", log, signal: stop.signal }, use);
  ends.push(() => {
    stop.abort();
    return held;
  });
  const flap = () => {
    for (const limit of [0, undefined]) for (const intake of intakes.values()) intake.limit("gate", limit);
  };
  return { taken, tags, connections: () => connections, flap };
}

function noteTags(connection: BrokerConnection, tags: string[]): void {
  const create = connection.createChannel.bind(connection);
  connection.createChannel = async () => {
    const channel = await create();
    const consume = channel.consume.bind(channel);
    channel.consume = (queue, onMessage, options) => {
      tags.push(String(options?.consumerTag));
      return consume(queue, onMessage, options);
    };
    return channel;
  };
}

/** A server on a free port that does with each connection what the test says. */
async function serve(onConnection: (near: Socket) => void): Promise<string> {
  const server: Server = createServer(onConnection);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => server.close());
  const url = new URL(broker.url);
  const address = server.address();
  url.host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  return url.href;
}

test.concurrent("a connection that dies at any point of being set up is followed by the next, and kills no process", async () => {
  await declare("setup");
  const { port, hostname } = new URL(broker.url);
  // Start, tune, open-ok, channel, prefetch, consumer: the n-th connection dies after n of the broker's answers.
  let opened = 0;
  const url = await serve((near) => {
    opened += 1;
    let answersLeft = opened <= 5 ? opened : Number.POSITIVE_INFINITY;
    const far = open(Number(port), hostname);
    const end = () => {
      near.destroy();
      far.destroy();
    };
    near.on("error", end).on("close", end).pipe(far);
    far.on("error", end).on("close", end);
    far.on("data", (data) => {
      near.write(data);
      answersLeft -= 1;
      if (answersLeft <= 0) near.resetAndDestroy();
    });
  });
  const taker = take(url, { setup: async (delivery) => delivery.ack() });
  await broker.put("setup", Buffer.from("hello"));
  // It may have come before a connection died, too.
  await eventually(
    "the message on a connection that lives",
    async () => opened > 5 && taker.taken.length > 0,
  );
  await eventually("its ack", async () => (await ready("setup")) === "empty");
  expect(new Set(taker.taken.map(({ body }) => body.toString()))).toEqual(new Set(["hello"]));
});

test.concurrent("a channel that the broker closes is rebuilt alone: other queues' deliveries stay in hand", async () => {
  await declare("wrong", "right");
  const finish = Promise.withResolvers<void>();
  const taker = take(broker.url, {
    // An ack of what is acked already closes the channel: 406.
    wrong: async (delivery) => {
      delivery.ack();
      if (delivery.body.toString() === "twice") delivery.ack();
    },
    right: async (delivery) => {
      await finish.promise;
      delivery.ack();
    },
  });
  await broker.put("right", Buffer.from("slow"));
  await eventually("the slow one", async () => taker.taken.length === 1);
  await broker.put("wrong", Buffer.from("twice"));
  await eventually("a second consumer of its queue", async () => taker.tags.length === 3);
  await broker.put("wrong", Buffer.from("after"));
  await eventually("the next message", async () =>
    taker.taken.some(({ body }) => body.toString() === "after"),
  );
  finish.resolve();
  await eventually("the slow one to be acked", async () => (await ready("right")) === "empty");
  const consumed = taker.tags.map((tag) => tag.split("@")[0]);
  expect(new Set(consumed.slice(0, 2))).toEqual(new Set(["right", "wrong"])); // they register side by side
  expect(consumed.slice(2)).toEqual(["wrong"]);
  expect(taker.taken.filter(({ queue }) => queue === "right").map(({ redelivered }) => redelivered)).toEqual([
    false,
  ]);
  expect(taker.connections()).toBe(1);
});

/** "empty" once nothing is ready and nobody else could get anything. */
async function ready(queue: string): Promise<string> {
  return (await broker.count(queue)) === 0 && (await broker.handBack(queue)) === 0 ? "empty" : "not empty";
}

test.concurrent("no consumer tag is ever used again, however often a consumer stops and starts", async () => {
  await declare("again");
  const taker = take(broker.url, { again: async (delivery) => delivery.ack() });
  const consumes = (times: number) => eventually(`consumer ${times}`, async () => taker.tags.length >= times);
  for (let round = 1; round <= 5; round += 1) {
    await consumes(round);
    await broker.put("again", Buffer.from(String(round)));
    await eventually("its message", async () => taker.taken.length === round);
    taker.flap();
  }
  await consumes(6);
  await broker.deleteQueue("again");
  await declare("again");
  await consumes(7);
  await broker.put("again", Buffer.from("6"));
  await eventually("the last message", async () => taker.taken.length === 6);
  expect(taker.taken.map(({ redelivered }) => redelivered)).toEqual(taker.taken.map(() => false));
  expect(new Set(taker.tags).size).toBe(taker.tags.length);
  expect(taker.connections()).toBe(1);
});

test.concurrent("an ack that comes after its channel was replaced does nothing, and the new channel lives on", async () => {
  await declare("late");
  const wire = await layWire(broker.url);
  ends.push(() => wire.close());
  const acked: string[] = [];
  const taker = take(wire.url, {
    late: async (delivery) => {
      if (!delivery.redelivered && delivery.body.toString() === "one") return;
      delivery.ack();
      acked.push(delivery.body.toString());
    },
  });
  await broker.put("late", Buffer.from("one"));
  await eventually("the first delivery", async () => taker.taken.length === 1);
  wire.cut();
  await eventually("the message again", async () => acked.length === 1);
  const [old] = taker.taken;
  expect(old?.isGone()).toBe(true);
  old?.ack();
  await broker.put("late", Buffer.from("two"));
  await eventually("the next message", async () => acked.length === 2);
  expect(acked).toEqual(["one", "two"]);
  expect(taker.connections()).toBe(2);
});

test.concurrent("fifty connections that are lost at once come back spread over time, and do not hammer a broker that is away", async () => {
  const wire = await layWire(broker.url);
  ends.push(() => wire.close());
  const stop = new AbortController();
  const back: number[] = [];
  const held = Array.from({ length: 50 }, () =>
    holdConnection({ url: wire.url, name: "test", log, signal: stop.signal }, async (_, lost) => {
      back.push(performance.now());
      const over = AbortSignal.any([lost, stop.signal]);
      if (!over.aborted)
        await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
    }),
  );
  await eventually("fifty connections", async () => back.length === 50);
  back.splice(0);
  wire.refuse(true);
  wire.cut();
  await delay(1_500);
  const seen = wire.refusals();
  wire.refuse(false);
  await eventually("all to be back", async () => back.length === 50);
  stop.abort();
  await Promise.all(held);
  expect(seen).toBeGreaterThanOrEqual(50);
  expect(seen).toBeLessThan(50 * 7); // a tenth of a second apart it would be fifteen each
  // The whole crowd never fits into a twentieth of the time in which it comes.
  const crowd = Math.max(...back.map((from) => back.filter((at) => at >= from && at < from + 20).length));
  expect(crowd).toBeLessThan(25);
  expect(back.at(-1)! - back[0]!).toBeGreaterThan(100);
});

test("a broker that takes the connection and says nothing is given up, and the next one is used", async () => {
  await declare("silent");
  const { port, hostname } = new URL(broker.url);
  // The seconds that an answer may take pass faster here.
  const patience: number[] = [];
  const { setTimeout } = Socket.prototype as {
    setTimeout: (this: Socket, ms: number, call?: () => void) => Socket;
  };
  vi.spyOn(Socket.prototype, "setTimeout").mockImplementation(function (this: Socket, ms, call) {
    if (ms >= 3_000) patience.push(ms);
    return setTimeout.call(this, ms >= 3_000 ? ms / 10 : ms, call);
  });
  ends.push(() => vi.restoreAllMocks());
  let opened = 0;
  const url = await serve((near) => {
    opened += 1;
    near.on("error", () => near.destroy());
    if (opened === 1) return;
    const far = open(Number(port), hostname).on("error", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  const taker = take(url, { silent: async (delivery) => delivery.ack() });
  await broker.put("silent", Buffer.from("hello"));
  await eventually("the message", async () => taker.taken.length === 1);
  expect(opened).toBe(2);
  expect(patience[0]).toBeLessThanOrEqual(10_000);
});
