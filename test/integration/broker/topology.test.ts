import { connect } from "amqplib";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { queueNamesOf } from "#shared/broker/queue-names.ts";
import { defineJob, PRIORITIES } from "#shared/index.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import { register } from "#shared/jobs/register.ts";
import { type Engine, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/virtual-host.ts";

const engine = useEngine();
/** Where a service comes late: in the first one it would be there for the other tests too. */
const growing = useEngine();
const payload = z.object({});
const Urgent = defineJob("test.urgent", {
  payload,
  priority: "critical",
  priorities: ["critical", "low"],
  attempts: 3,
  backoff: [2_000, 16_000],
});
// 3 s is no rung of the ladder: it is waited out in PostgreSQL.
const Slow = defineJob("test.slow", { payload, priority: "low", attempts: 3, backoff: [3_000, 1_000] });
const Lone = defineJob("test.lone", { payload, priority: "batch" });

/** Until the end of the test. */
async function startRelay(of: Engine): Promise<void> {
  const relay = await of.startRelay();
  onTestFinished(() => relay.stop());
}

interface Listed {
  name: string;
  type: string;
  durable: boolean;
  auto_delete: boolean;
  arguments: Record<string, unknown>;
}
interface Binding {
  source: string;
  destination: string;
  routing_key: string;
}

beforeAll(async () => {
  await register(engine.db, "dog", [Urgent, Slow], ["bone.found.v1", "bone.lost.v2"]);
  await register(engine.db, "cat", [Lone], []);
  // It declares and goes: a relay at work would put right what the tests change by hand.
  await (await engine.startRelay()).stop();
});

async function list<T>(kind: string, { broker } = engine): Promise<T[]> {
  return (await management("GET", `/api/${kind}/${broker.name}`)) as T[];
}

async function queueNames(of = engine): Promise<string[]> {
  return (await list<Listed>("queues", of)).map((queue) => queue.name).sort();
}

async function bindings(of = engine): Promise<string[]> {
  const found = await list<Binding>("bindings", of);
  return found
    .filter(({ source }) => source !== "")
    .map(({ source, routing_key: key, destination }) => `${source} -${key}-> ${destination}`)
    .sort();
}

const work = ["dog.critical", "dog.low", "cat.batch"];
const waits = [
  ["dog.critical.retry.2s", 2_000],
  ["dog.critical.retry.16s", 16_000],
  ["dog.low.retry.1s", 1_000],
  ["dog.low.retry.2s", 2_000],
  ["dog.low.retry.16s", 16_000],
] as const;

test("the relay declares exactly what the registered types and subscriptions ask for", async () => {
  const named = (await list<Listed>("exchanges")).filter(({ name }) => name.startsWith("duly."));
  const isMarker = ({ name }: Listed) => name.startsWith("duly.incarnation.");
  expect(named.filter(isMarker)).toHaveLength(1);
  const exchanges = named.filter((exchange) => !isMarker(exchange));
  expect(
    Object.fromEntries(exchanges.map(({ name, type, durable }) => [name, `${type} ${durable}`])),
  ).toEqual({
    "duly.jobs": "topic true",
    "duly.events": "topic true",
    "duly.dead-letters": "topic true",
    "duly.dead-letters.unclaimed": "fanout true",
    "duly.rejected": "fanout true",
    "duly.retry.1s": "topic true",
    "duly.retry.2s": "topic true",
    "duly.retry.16s": "topic true",
  });

  // A letter of no service has a place too.
  const alternate = exchanges.filter(({ arguments: given }) => Object.keys(given).length > 0);
  expect(alternate.map(({ name, arguments: given }) => [name, given])).toEqual([
    ["duly.dead-letters", { "alternate-exchange": "duly.dead-letters.unclaimed" }],
  ]);

  const parked = ["duly.dead-letters", "dog.dead-letters", "cat.dead-letters"];
  expect(await queueNames()).toEqual(
    ["duly.rejected", "dog.events", ...parked, ...work, ...waits.map(([name]) => name)].sort(),
  );
  expect([...queueNamesOf(await readTopology(engine.db))].sort()).toEqual(await queueNames());
  expect(await bindings()).toEqual(
    [
      "duly.rejected --> duly.rejected",
      "duly.dead-letters.unclaimed --> duly.dead-letters",
      "duly.events -bone.found.v1-> dog.events",
      "duly.events -bone.lost.v2-> dog.events",
      ...["dog", "cat"].map((service) => `duly.dead-letters -${service}.#-> ${service}.dead-letters`),
      ...work.map((queue) => `duly.jobs -${queue}.#-> ${queue}`),
      ...waits.map(([queue]) => {
        const [service, priority, , delay] = queue.split(".");
        return `duly.retry.${delay} -${service}.${priority}.#-> ${queue}`;
      }),
    ].sort(),
  );
});

test("every queue has the arguments that safety depends on, and words for people", async () => {
  const queues = await list<Listed>("queues");
  const safe = {
    "x-queue-type": "quorum",
    "x-overflow": "reject-publish",
    description: expect.stringMatching(/\w+.*\./) as unknown,
  };
  const letters = (exchange: string) => ({
    "x-dead-letter-exchange": exchange,
    "x-dead-letter-strategy": "at-least-once",
  });
  const expected: Record<string, unknown> = {
    "duly.rejected": { ...safe, "x-delivery-limit": 1_000_000 },
    "dog.events": { ...safe, "x-delivery-limit": 1_000_000, ...letters("duly.rejected") },
  };
  for (const queue of work)
    expected[queue] = { ...safe, "x-delivery-limit": 100, ...letters("duly.rejected") };
  for (const [queue, ttl] of waits) {
    expected[queue] = {
      ...safe,
      "x-delivery-limit": 1_000_000,
      "x-message-ttl": ttl,
      ...letters("duly.jobs"),
    };
  }
  for (const service of ["dog", "cat", "duly"]) {
    expected[`${service}.dead-letters`] = { ...safe, "x-delivery-limit": 1_000_000 };
  }
  expect(Object.fromEntries(queues.map((queue) => [queue.name, queue.arguments]))).toEqual(expected);
  expect(queues.filter((queue) => !queue.durable || queue.auto_delete)).toEqual([]);
});

test("dead-lettering at least once is in force: what has nowhere to go stays", async () => {
  const { broker } = engine;
  await broker.unbind("duly.rejected", "duly.rejected", "");
  onTestFinished(() => broker.bind("duly.rejected", "duly.rejected", ""));
  await broker.put("cat.batch", Buffer.from("{}"));
  const connection = await connect(broker.url);
  try {
    const channel = await connection.createChannel();
    const message = await eventually("the message", () => channel.get("cat.batch"));
    channel.nack(message, false, false);
    await channel.close();
  } finally {
    await connection.close();
  }
  // At most once, the broker would have dropped it: neither queue would know of it.
  await eventually("the queue to hold its dead letter", async () => {
    const queue = (await management("GET", `/api/queues/${broker.name}/cat.batch`)) as Record<
      string,
      unknown
    >;
    return queue["messages_dlx"] === 1;
  });
  expect(await broker.count("duly.rejected")).toBe(0);
}, 30_000);

test("declaring again is harmless", async () => {
  const before = [await queueNames(), await bindings()];
  await startRelay(engine);
  expect([await queueNames(), await bindings()]).toEqual(before);
});

test("a service that registers while the relay runs gets its queues", async () => {
  await startRelay(growing);
  const Late = defineJob("test.late", { payload, priority: "high", priorities: PRIORITIES });
  await register(growing.db, "owl", [Late], ["bone.found.v1"]);
  const owls = async () => (await queueNames(growing)).filter((name) => name.startsWith("owl."));
  const ladder = (priority: string) => ["", ".retry.2s", ".retry.4s"].map((end) => `owl.${priority}${end}`);
  await expect
    .poll(owls, { timeout: 15_000 })
    .toEqual([...PRIORITIES.flatMap(ladder), "owl.dead-letters", "owl.events"].sort());
  await eventually("the binding of the owl", async () =>
    (await bindings(growing)).includes("duly.events -bone.found.v1-> owl.events"),
  );
});
