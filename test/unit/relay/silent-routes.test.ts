import { expect, test } from "vitest";
import type { OutgoingMessage } from "#shared/broker/publish-batch.ts";
import { SilentRoutes } from "../../../services/relay/silent-routes.ts";

const to = (exchange: string, routingKey: string) => ({ exchange, routingKey }) as OutgoingMessage;
const work = to("duly.jobs", "mails.critical.email.otp");
const wait = to("duly.retry.2s", "mails.critical.email.otp");

test("a silent queue has one probe when its time has come, and is open once that is answered", () => {
  const routes = new SilentRoutes();
  expect(routes.judge(work, 0)).toBe("open");
  routes.areSilent([work], 0);
  expect(routes.judge(work, 1)).toBe("shut");
  expect(routes.judge(wait, 1)).toBe("open");
  expect(routes.judge(work, 10_000)).toBe("probe");
  expect(routes.judge(work, 10_001)).toBe("shut");
  routes.answered(work);
  expect(routes.judge(work, 10_002)).toBe("open");
});

test("a silent queue that nothing goes to any more counts no longer some time after its probe was due", () => {
  const routes = new SilentRoutes();
  expect(routes.areAny(0)).toBe(false);
  routes.areSilent([wait], 0);
  expect(routes.areAny(1_000)).toBe(true);
  expect(routes.areAny(20_000)).toBe(false);
});
