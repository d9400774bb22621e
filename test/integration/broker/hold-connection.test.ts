import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type BrokerConnection, holdConnection } from "#shared/broker/hold-connection.ts";
import { createLogger } from "#shared/log/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire, type TcpProxy } from "../../support/tcp-proxy.ts";

let wire: TcpProxy;
let stop: AbortController;
let uses: { connection: BrokerConnection; lost: AbortSignal }[];
let held: Promise<void>;

beforeEach(async () => {
  wire = await layWire(inject("amqpUrl"));
  stop = new AbortController();
  uses = [];
});
afterEach(() => wire.close());

/** Holds a connection and uses it; without `use` each one until it is lost or everything stops. */
function hold(use?: (place: number) => Promise<void>): void {
  const log = createLogger("test", process.env["DULY_TEST_LOG"] ?? "silent");
  held = holdConnection(
    { url: wire.url, name: "test", log, signal: stop.signal },
    async (connection, lost) => {
      const place = uses.push({ connection, lost });
      if (use !== undefined) await use(place);
      const over = AbortSignal.any([lost, stop.signal]);
      if (!over.aborted)
        await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
    },
  );
}

async function expectUsed(times: number): Promise<void> {
  await eventually(`connection ${times}`, async () => uses.length >= times, 10_000);
}

test("a lost connection is told to its user and followed by the next", async () => {
  hold();
  await expectUsed(1);
  wire.cut();
  await expectUsed(2);
  expect(uses[0]?.lost.aborted).toBe(true);
  stop.abort();
  await held;
  expect(uses).toHaveLength(2);
});

test("a user that fails gets a new connection", async () => {
  hold(async (place) => {
    if (place === 1) throw new Error("not this time");
  });
  await expectUsed(2);
  stop.abort();
  await held;
});

test("a connection that dies while it is being closed is followed by the next", async () => {
  const closing = Promise.withResolvers<void>();
  hold(async (place) => {
    if (place > 1) return;
    const { connection } = uses[0]!;
    const close = connection.close.bind(connection);
    connection.close = () => {
      const closed = close();
      closing.resolve();
      return closed;
    };
    wire.swallow();
    throw new Error("give it up");
  });
  await closing.promise;
  wire.cut();
  await expectUsed(2);
  stop.abort();
  await held;
});

test("a broker that does not answer the goodbye is not waited for", async () => {
  hold(async (place) => {
    if (place > 1) return;
    wire.swallow();
    throw new Error("give it up");
  });
  await expectUsed(2);
  stop.abort();
  await held;
});

test("a broker that is away is tried again until it is there", async () => {
  wire.refuse(true);
  hold();
  await eventually("an attempt", async () => wire.refusals() > 1);
  expect(uses).toHaveLength(0);
  wire.refuse(false);
  await expectUsed(1);
  stop.abort();
  await held;
});

test("to stop while the broker is away ends at once", async () => {
  wire.refuse(true);
  hold();
  await eventually("an attempt", async () => wire.refusals() > 0);
  stop.abort();
  await held;
  expect(uses).toHaveLength(0);
});
