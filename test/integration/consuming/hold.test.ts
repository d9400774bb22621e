import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, handle, RateLimitedError, UnreachableError } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, intentsOf, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});

/** A port at which nobody listens, and somebody who will when asked to. */
async function closedPort(): Promise<{ port: number; open: () => Promise<Server> }> {
  const server = createServer((_, response) => response.end("here"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const open = async () => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  return { port, open };
}

const ways: readonly [name: string, call: (port: number) => Promise<unknown>][] = [
  ["fetch", async (port) => (await fetch(`http://127.0.0.1:${port}/`)).text()],
  [
    "net",
    async (port) => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      socket.destroy();
      return "here";
    },
  ],
];

for (const [name, call] of ways) {
  test.concurrent(`a provider that refuses connections (${name}) spends no attempt, and work resumes by itself`, async () => {
    const Work = defineJob(`closed-${name}.work`, { payload, priority: "high", attempts: 1, backoff: [] });
    const { port, open } = await closedPort();
    const handler = handle(Work, { effects: "atMostOnce", perform: () => call(port) });
    await engine.consume(`closed-${name}`, [handler]);
    const id = await add(engine, Work, {});
    expect(await engine.reaches(id, "held")).toMatchObject({
      attempt: 0,
      holds: 1,
      waits_for: `unreachable: 127.0.0.1:${port}`,
    });
    await eventually(
      "a second hold",
      async () => (await engine.reaches(id, "held", "queued", "running")).holds >= 2,
    );
    const server = await open();
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, result: "here" });
    expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
    server.close();
  });
}

test.concurrent("the waits of a hold grow, and an attempt that got an answer begins them anew", async () => {
  const Work = defineJob("growing.work", { payload, priority: "high", attempts: 2, backoff: [0] });
  const script: (Error | undefined)[] = [
    new UnreachableError("bank", "no route"),
    new UnreachableError("bank", "no route"),
    new Error("an answer: try again"),
    new UnreachableError("bank", "no route"),
  ];
  const waits: number[] = [];
  const handler = handle(Work, {
    record: async () => {
      const next = script.shift();
      if (next !== undefined) throw next;
    },
  });
  await engine.consume("growing", [handler]);
  const id = await add(engine, Work, {});
  for (const holds of [1, 2, 1]) {
    const held = await eventually("the next hold", async () => {
      const seen = await engine.reaches(id, "held");
      return seen.holds === holds ? seen : undefined;
    });
    waits.push((held.wake_at?.getTime() ?? 0) - Date.now());
    expect(held.waits_for).toBe("unreachable: bank");
  }
  const [first = 0, second = 0, third = 0] = waits;
  expect(first).toBeLessThanOrEqual(1_000);
  expect(second).toBeGreaterThan(900);
  expect(third).toBeLessThanOrEqual(1_000);
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
});

test.concurrent("a rate limit holds for as long as it says, in a performed and in a recorded job", async () => {
  const Perform = defineJob("limited.perform", { payload, priority: "high", attempts: 1, backoff: [] });
  const Record = defineJob("limited.record", { payload, priority: "high", attempts: 1, backoff: [] });
  const at = new Map<string, number[]>();
  const limited = async ({ job }: { job: { type: string } }) => {
    const times = at.get(job.type) ?? [];
    at.set(job.type, [...times, Date.now()]);
    if (times.length === 0) throw new RateLimitedError("chat", "slow down", { retryAfterMs: 400 });
  };
  await engine.consume("limited", [
    handle(Perform, { effects: "atLeastOnce", perform: limited }),
    handle(Record, { record: async (_, __, context) => limited(context) }),
  ]);
  for (const type of [Perform, Record]) {
    const id = await add(engine, type, {});
    expect(await engine.reaches(id, "held")).toMatchObject({ attempt: 0, waits_for: "rate limit: chat" });
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
    const [first = 0, second = 0] = at.get(type.type) ?? [];
    expect(second - first).toBeGreaterThanOrEqual(390); // the scheduler may send 10 ms ahead
    expect(second - first).toBeLessThan(2_000);
  }
});
