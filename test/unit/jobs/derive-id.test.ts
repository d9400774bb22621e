import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { deriveId } from "#shared/jobs/derive-id.ts";

const EVENT = "0197c5a4-3b1e-7abc-8def-0123456789ab";

test("the same event and subscription always give the same id, a version 8 UUID", () => {
  const id = deriveId(EVENT, "notifications/payment.completed.v1/email.payment-notice");
  expect(id).toBe(deriveId(EVENT, "notifications/payment.completed.v1/email.payment-notice"));
  expect(id[14]).toBe("8");
});

test("it keeps the event's 48 bits of time", () => {
  expect(deriveId(EVENT, "a").slice(0, 13)).toBe(EVENT.slice(0, 13));
});

test("another event or another subscription gives another id", () => {
  const other = "0197c5a4-3b1e-7abc-8def-0123456789ac";
  expect(new Set([deriveId(EVENT, "a"), deriveId(EVENT, "b"), deriveId(other, "a")]).size).toBe(3);
});

test("version and variant stand whatever the hash is", () => {
  for (let turn = 0; turn < 500; turn += 1) {
    expect(deriveId(randomUUID(), String(turn))).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  }
});
