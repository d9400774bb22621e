import { describe, expect, test } from "vitest";
import { eventMessage } from "#shared/broker/event-message.ts";
import { jobMessage } from "#shared/broker/job-message.ts";
import { type LetterCopy, letterMessage } from "#shared/broker/letter-message.ts";
import { PRIORITIES } from "#shared/contracts/priority.ts";

const NOW = 1_700_000_000_789;
const job = {
  id: "0197c5a4-3b1e-7abc-8def-0123456789ab",
  type: "payment.execute",
  service: "payments",
  priority: "high",
  send: 3,
  attempts: 1,
  crashes: 0,
  correlationId: "0197c5a4-3b1e-7abc-8def-0123456789ff",
  payload: '{"name":"Ä"}',
  delayMs: undefined,
} as const;
const letter: LetterCopy = {
  id: "0197c5a4-0000-7abc-8def-0123456789ab",
  copy: 1,
  jobId: job.id,
  service: "payments",
  priority: "high",
  type: "payment.execute",
  reason: "permanent_error",
  error: "card closed",
  attempts: 1,
  correlationId: job.correlationId,
  body: Buffer.from("{}"),
  failedAt: new Date(NOW),
};

describe("a job's message", () => {
  test("goes to work under its routing key, persistent and mandatory to nobody else", () => {
    expect(jobMessage(job, NOW)).toEqual({
      exchange: "duly.jobs",
      routingKey: "payments.high.payment.execute",
      body: Buffer.from('{"name":"Ä"}'),
      properties: {
        messageId: job.id,
        type: "payment.execute",
        correlationId: job.correlationId,
        appId: "duly",
        contentType: "application/json",
        persistent: true,
        priority: 7,
        timestamp: 1_700_000_000,
        headers: { "duly-send": 3, "duly-attempts": 1, "duly-sent-at": NOW },
      },
    });
  });

  test("goes to the retry exchange of its delay under the same key", () => {
    const message = jobMessage({ ...job, delayMs: 16_000 }, NOW);
    expect([message.exchange, message.routingKey]).toEqual([
      "duly.retry.16s",
      "payments.high.payment.execute",
    ]);
    expect(message.properties).not.toHaveProperty("expiration");
  });

  test("carries its class as the AMQP priority", () => {
    const priorities = PRIORITIES.map(
      (priority) => jobMessage({ ...job, priority }, NOW).properties.priority,
    );
    expect(priorities).toEqual([9, 7, 5, 3, 1]);
  });
});

describe("a parked copy", () => {
  test("says in its headers what happened and where it came from", () => {
    const message = letterMessage(letter, NOW);
    expect([message.exchange, message.routingKey]).toEqual([
      "duly.dead-letters",
      "payments.high.payment.execute",
    ]);
    expect(message.properties).toMatchObject({
      messageId: job.id,
      persistent: true,
      timestamp: 1_700_000_000,
    });
    expect(message.properties.headers).toEqual({
      "duly-letter": letter.id,
      "duly-copy": 1,
      "duly-reason": "permanent_error",
      "duly-error": "card closed",
      "duly-attempts": 1,
      "duly-failed-at": new Date(NOW).toISOString(),
      "duly-job": job.id,
      "duly-origin": "payments.high",
    });
  });

  test("of foreign bytes goes out too, without what is not known", () => {
    const foreign = {
      ...letter,
      jobId: undefined,
      priority: undefined,
      type: undefined,
      correlationId: undefined,
    };
    const message = letterMessage(foreign, NOW);
    expect(message.routingKey).toBe("payments.none.unknown");
    expect(message.properties.messageId).toBe(letter.id);
    expect(Object.values(message.properties)).not.toContain(undefined);
    expect(Object.keys(message.properties.headers as object)).not.toContain("duly-origin");
  });

  test.each([
    ["ASCII", "x".repeat(400)],
    ["two-byte characters", "é".repeat(200)],
    ["four-byte characters", "💸".repeat(100)],
  ])("fits AMQP's 255 bytes of key and type whatever the type is: %s", (_, type) => {
    const { routingKey, properties } = letterMessage({ ...letter, type }, NOW);
    expect(Buffer.byteLength(routingKey)).toBeLessThanOrEqual(255);
    expect(Buffer.byteLength(properties.type ?? "")).toBeLessThanOrEqual(255);
  });

  test("keeps a long error text within what a header frame takes", () => {
    const headers: unknown = letterMessage({ ...letter, error: "💥".repeat(100_000) }, NOW).properties
      .headers;
    expect(Buffer.byteLength(JSON.stringify(headers))).toBeLessThan(32_768);
  });
});

describe("an event's message", () => {
  const event = {
    id: "0197c5a4-3b1e-7abc-8def-0123456789ab",
    type: "payment.completed.v1",
    subject: "payment-7",
    correlationId: job.correlationId,
    causationId: job.id,
    occurredAt: new Date(NOW),
    data: "{}",
  };

  test("is a CloudEvent in binary mode", () => {
    const message = eventMessage(event);
    expect([message.exchange, message.routingKey]).toEqual(["duly.events", "payment.completed.v1"]);
    expect(message.properties).toMatchObject({
      messageId: event.id,
      type: "payment.completed.v1",
      contentType: "application/json",
      persistent: true,
      timestamp: 1_700_000_000,
      headers: {
        cloudEvents_specversion: "1.0",
        cloudEvents_id: event.id,
        cloudEvents_type: "payment.completed.v1",
        cloudEvents_source: "duly",
        cloudEvents_time: "2023-11-14T22:13:20.789Z",
        cloudEvents_subject: "payment-7",
        cloudEvents_correlationid: job.correlationId,
        cloudEvents_causationid: job.id,
      },
    });
  });

  test("leaves out the attributes that it does not have", () => {
    const bare = eventMessage({ ...event, subject: undefined, causationId: undefined });
    const headers: unknown = bare.properties.headers;
    expect(Object.keys(headers as object)).not.toContain("cloudEvents_subject");
    expect(Object.keys(headers as object)).not.toContain("cloudEvents_causationid");
  });
});
