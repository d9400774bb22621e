import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { sql } from "kysely";
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

/** Ends the wait of a held job now, as if it had been held so many times already. */
async function release(id: string, holds = 1): Promise<void> {
  await sql`update duly.jobs set wake_at = duly.now(), holds = ${holds} where id = ${id} and state = 'held'`.execute(
    engine.db,
  );
}

async function waitOf(id: string, holds: number): Promise<number> {
  return eventually(`hold ${holds}`, async () => {
    const seen = await engine.reaches(id, "held");
    return seen.holds === holds && (seen.wake_at?.getTime() ?? 0) - Date.now();
  });
}

test.concurrent("the waits of a hold grow to a minute, and an attempt that got an answer begins them anew", async () => {
  const unreachable = new UnreachableError("bank", "no route");
  for (const kind of ["perform", "record"] as const) {
    const Work = defineJob(`growing-${kind}.work`, { payload, priority: "high", attempts: 2, backoff: [0] });
    const script = [unreachable, unreachable, new Error("an answer: try again"), unreachable];
    const next = async () => {
      const error = script.shift();
      if (error !== undefined) throw error;
    };
    await engine.consume(`growing-${kind}`, [
      kind === "perform"
        ? handle(Work, { effects: "atLeastOnce", perform: next })
        : handle(Work, { record: next }),
    ]);
    const id = await add(engine, Work, {});
    expect(await waitOf(id, 1)).toBeLessThanOrEqual(1_000);
    expect(await engine.reaches(id, "held")).toMatchObject({ waits_for: "unreachable: bank" });
    await release(id, 9);
    const long = await waitOf(id, 10);
    expect(long).toBeGreaterThan(25_000);
    expect(long).toBeLessThanOrEqual(60_000);
    await release(id, 10); // an answer, and at once the next attempt
    expect(await waitOf(id, 1)).toBeLessThanOrEqual(1_000);
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
  }
});

test.concurrent("a rate limit holds for as long as it says, in a performed and in a recorded job", async () => {
  const Perform = defineJob("limited.perform", { payload, priority: "high", attempts: 1, backoff: [] });
  const Record = defineJob("limited.record", { payload, priority: "high", attempts: 1, backoff: [] });
  const calls = new Map<string, number>();
  const limited = async ({ job: { type } }: { job: { type: string } }) => {
    calls.set(type, (calls.get(type) ?? 0) + 1);
    if (calls.get(type) === 1) throw new RateLimitedError("chat", "slow down", { retryAfterMs: 100_000 });
  };
  await engine.consume("limited", [
    handle(Perform, { effects: "atLeastOnce", perform: limited }),
    handle(Record, { record: async (_, __, context) => limited(context) }),
  ]);
  for (const type of [Perform, Record]) {
    const id = await add(engine, type, {});
    const wait = await waitOf(id, 1);
    expect(wait).toBeGreaterThan(90_000);
    expect(wait).toBeLessThanOrEqual(100_000);
    expect(await engine.reaches(id, "held")).toMatchObject({ attempt: 0, waits_for: "rate limit: chat" });
    await release(id);
    expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  }
});
