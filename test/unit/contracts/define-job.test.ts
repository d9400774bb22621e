import { expect, test } from "vitest";
import { z } from "zod";
import { JOBS } from "#shared/contracts/catalog.ts";
import { defineEvent, defineJob, PRIORITIES, PRIORITY_DEFAULTS } from "#shared/index.ts";

const payload = z.object({});

test("a definition that says nothing is medium, with that priority's attempts and backoff", () => {
  expect(defineJob("test.plain", { payload })).toEqual({
    type: "test.plain",
    payload,
    priority: "medium",
    priorities: ["medium"],
    attempts: 2,
    backoff: [2_000],
    timeoutMs: 30_000,
    maxPayloadBytes: 131_072,
    onDeadLetter: "hold",
  });
});

test.each(PRIORITIES)(
  "a job that says only %s takes the attempts and backoff of that priority",
  (priority) => {
    const { attempts, backoff } = PRIORITY_DEFAULTS[priority];
    expect(defineJob("test.plain", { payload, priority })).toMatchObject({ attempts, backoff });
  },
);

test("the priorities' defaults are those of the user's table", () => {
  const table = PRIORITIES.map((priority) => {
    const { startsWithinMs, workers, attempts, backoff } = PRIORITY_DEFAULTS[priority];
    return [priority, startsWithinMs, workers, attempts, backoff.join(" ")];
  });
  expect(table).toEqual([
    ["critical", 1_000, 20, 5, "2000 4000 8000 16000"],
    ["high", 5_000, 10, 3, "2000 4000"],
    ["medium", 30_000, 5, 2, "2000"],
    ["low", 300_000, 2, 1, ""],
    ["batch", 3_600_000, 1, 1, ""],
  ]);
});

test.each([
  ["no dot", "payment", {}, /use dotted lower-case words/],
  ["a capital", "Payment.execute", {}, /use dotted lower-case words/],
  ["a wildcard", "payment.#", {}, /use dotted lower-case words/],
  ["101 characters", `a.${"b".repeat(99)}`, {}, /at most 100 characters/],
  ["its priority left out", "a.b", { priority: "low", priorities: ["high"] }, /not among its priorities/],
  ["no attempt", "a.b", { attempts: 0 }, /attempts must be/],
  ["a part of an attempt", "a.b", { attempts: 1.5 }, /attempts must be/],
  ["attempts without backoff", "a.b", { attempts: 2, backoff: [] }, /at least one backoff delay/],
  ["a negative backoff", "a.b", { backoff: [-1] }, /backoff delays are whole milliseconds/],
  ["no time", "a.b", { timeoutMs: 0 }, /timeoutMs must be/],
  ["no room", "a.b", { maxPayloadBytes: 0 }, /maxPayloadBytes must be/],
  ["more room than a message has", "a.b", { maxPayloadBytes: 9 * 1024 * 1024 }, /maxPayloadBytes must be/],
] as const)("a definition with %s is refused", (_, type, options, message) => {
  expect(() => defineJob(type, { payload, ...options })).toThrow(message);
});

test("numbers that PostgreSQL's integer does not hold are refused here and not when the service starts", () => {
  expect(() => defineJob("a.b", { payload, timeoutMs: 2 ** 31 })).toThrow(TypeError);
  expect(() => defineJob("a.b", { payload, backoff: [2 ** 31] })).toThrow(TypeError);
});

test("an event's routing key carries its version", () => {
  expect(defineEvent("payment.completed", { version: 2, data: payload }).routingKey).toBe(
    "payment.completed.v2",
  );
});

test.each([
  ["no dot", "payment", 1, /use dotted lower-case words/],
  ["a wildcard", "payment.*", 1, /use dotted lower-case words/],
  ["version 0", "a.b", 0, /version must be/],
  ["version 1.5", "a.b", 1.5, /version must be/],
])("an event with %s is refused", (_, type, version, message) => {
  expect(() => defineEvent(type, { version, data: payload })).toThrow(message);
});

test("no two kinds of job share a name", () => {
  const types = JOBS.map((job) => job.type);
  expect(new Set(types).size).toBe(types.length);
});
