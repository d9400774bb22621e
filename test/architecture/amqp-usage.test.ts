import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../support/repository.ts";

/** What no code of ours may do with RabbitMQ, and why. */
const NEVER: readonly (readonly [what: string, pattern: RegExp, why: string])[] = [
  [
    "requeue a message",
    /\.(nack|nackAll|recover)\(|channel\.reject\(/,
    "a requeue is counted by 3.10 to 4.2 and endless on 4.3, so it is no retry: a retry is an outbox row",
  ],
  [
    "set an expiration",
    /\bexpiration\b/,
    "messages expire only at the head of a queue, so a long one holds up all behind it: one wait queue per delay",
  ],
  ["let a queue expire", /x-expires|\bexpires:/, "a queue that expires takes its messages with it"],
  ["ask for a queue mode or version", /x-queue-(mode|version)|queueMode/, "4.3 refuses them"],
  ["mirror classic queues", /\bha-(mode|params|sync)/, "gone since 4.0; quorum queues are used everywhere"],
  ["use the prefetch of a whole channel", /prefetch\([^)]*,\s*true\)/, "4.3 takes it for the consumer's own"],
  [
    "declare what a restart removes",
    /durable: false|autoDelete: true|exclusive: true/,
    "4.3 refuses such queues",
  ],
  [
    "ask for priorities inside a queue",
    /x-max-priority|maxPriority/,
    "quorum queues refuse it: each priority has a queue",
  ],
  [
    "use the driver's own recovery",
    /\brecovery:/,
    "it leaves channels to others and can believe in a dead socket",
  ],
  ["ack by itself", /noAck: true/, "what a process dies with would be lost"],
];

/** Where a consumer that is cancelled already hands back what it has not begun: no retry, it can happen once. */
const DRAIN = "shared/broker/give-backs.ts";

// Only shared/broker may import the driver; these speak to it.
const sources = ["shared/broker", "shared/consuming", "services/relay", "services/dead-letters"].flatMap(
  (folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name)),
);

/** Lines that stand for themselves: what a comment says is not done. */
function codeOf(file: string): string[] {
  return readFileSync(join(root, file), "utf8")
    .split("\n")
    .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line));
}

it.each(NEVER)("nothing that speaks AMQP may %s", (_, pattern) => {
  const found = sources.flatMap((file) =>
    codeOf(file)
      .filter((line) => pattern.test(line) && !(file === DRAIN && line.includes("nack(")))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

it("looks at the code that speaks AMQP at all", () => {
  expect(sources).toContain("shared/broker/consume-queue.ts");
  expect(sources.flatMap(codeOf).filter((line) => line.includes("channel.ack("))).not.toEqual([]);
});

it("every binding of ours is of at most two #", () => {
  const keys = codeOf("shared/broker/topology.ts").filter((line) => line.includes("bindQueue("));
  expect(keys.length).toBeGreaterThan(3);
  expect(keys.filter((line) => line.split("#").length > 3)).toEqual([]);
});
