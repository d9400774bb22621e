import { expect, test } from "vitest";
import {
  deadLetterQueue,
  eventQueue,
  LADDER_MS,
  parseEventQueue,
  parseWorkQueue,
  retryExchange,
  routingKey,
  waitQueue,
  workQueue,
} from "#shared/broker/names.ts";
import { PRIORITIES } from "#shared/contracts/priority.ts";

test("names are those of the design", () => {
  expect([
    workQueue("payments", "high"),
    waitQueue("payments", "high", 2_000),
    deadLetterQueue("payments"),
    eventQueue("notifications"),
    routingKey("payments", "high", "payment.execute"),
  ]).toEqual([
    "payments.high",
    "payments.high.retry.2s",
    "payments.dead-letters",
    "notifications.events",
    "payments.high.payment.execute",
  ]);
  expect(LADDER_MS.map(retryExchange)).toEqual(
    ["1s", "2s", "4s", "8s", "16s", "32s", "64s"].map((rung) => `duly.retry.${rung}`),
  );
});

test("a work queue's name reads back into service and priority", () => {
  for (const priority of PRIORITIES) {
    expect(parseWorkQueue(workQueue("dead-end", priority))).toEqual({ service: "dead-end", priority });
  }
});

test.each([
  "payments.high.retry.2s",
  "payments.dead-letters",
  "payments.events",
  "duly.rejected",
  "high",
  "",
])("%j is no work queue", (queue) => {
  expect(parseWorkQueue(queue)).toBeUndefined();
});

test("the name of an event queue reads back into its service, and no other does", () => {
  const others = ["payments.high", "payments.events.old", ".events.", "events", ""];
  expect([eventQueue("dead-end"), ...others].map(parseEventQueue)).toEqual([
    "dead-end",
    ...others.map(() => undefined),
  ]);
});
