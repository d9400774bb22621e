import { expect, test } from "vitest";
import { findHarms } from "#shared/broker/find-harms.ts";

const parked = { name: "owl.dead-letters", arguments: { "x-delivery-limit": 1_000_000 } };
const work = {
  name: "owl.high",
  arguments: { "x-delivery-limit": 100, "x-dead-letter-exchange": "duly.rejected" },
};
const wait = {
  name: "owl.high.retry.2s",
  arguments: {
    "x-delivery-limit": 1_000_000,
    "x-message-ttl": 2_000,
    "x-dead-letter-exchange": "duly.jobs",
  },
};

/** The queues that a policy of one setting is found to harm. */
function harmedBy(setting: string, value: unknown): readonly string[] {
  const queues = [parked, work, wait].map((queue) => ({
    ...queue,
    policies: ["everything"],
    definition: { [setting]: value },
  }));
  return findHarms(queues).flatMap((harm) => harm.queues);
}

test.each([
  ["message-ttl", 60_000, ["owl.dead-letters", "owl.high"]],
  ["message-ttl", 500, ["owl.dead-letters", "owl.high", "owl.high.retry.2s"]],
  ["expires", 3_600_000, ["owl.dead-letters", "owl.high", "owl.high.retry.2s"]],
  ["delivery-limit", 20, ["owl.dead-letters", "owl.high", "owl.high.retry.2s"]],
  ["delivery-limit", 100, ["owl.dead-letters", "owl.high.retry.2s"]],
  ["overflow", "drop-head", ["owl.dead-letters", "owl.high", "owl.high.retry.2s"]],
  ["dead-letter-routing-key", "elsewhere", ["owl.high.retry.2s"]],
])("a policy with %s %s lets messages of %j vanish", (setting, value, queues) => {
  expect(harmedBy(setting, value)).toEqual(queues);
});

test.each([
  ["max-length", 10],
  ["max-length-bytes", 10],
  ["overflow", "reject-publish"],
  ["dead-letter-exchange", "elsewhere"],
  ["dead-letter-strategy", "at-most-once"],
  ["queue-leader-locator", "balanced"],
])("one with %s %s takes nothing", (setting, value) => {
  expect(harmedBy(setting, value)).toEqual([]);
});

test("one setting of one policy is one harm, with all its queues", () => {
  const definition = { "message-ttl": 50, "max-length": 10 };
  const queues = [work, parked].map((queue) => ({ ...queue, policies: ["a", "b"], definition }));
  expect(findHarms([...queues, { ...wait, policies: [], definition: undefined }])).toEqual([
    { policy: "a and b", setting: "message-ttl", value: 50, queues: ["owl.dead-letters", "owl.high"] },
  ]);
});
