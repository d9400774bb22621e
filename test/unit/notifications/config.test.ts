import { expect, test } from "vitest";
import { ConfigError, readConfig } from "#shared/index.ts";
import { NotificationsConfig } from "../../../services/notifications/config.ts";

const complete = {
  DATABASE_URL: "postgres://localhost/duly",
  AMQP_URL: "amqp://localhost",
  SMTP_URL: "smtp://localhost:25",
  MAIL_FROM: "Duly <no-reply@example.test>",
  OTP_KEY: Buffer.alloc(32, 7).toString("base64"),
};

test("a complete environment is read, the key as bytes", () => {
  expect(readConfig(NotificationsConfig, complete).OTP_KEY).toEqual(Buffer.alloc(32, 7));
});

test.each([
  ["OTP_KEY", Buffer.alloc(31, 7).toString("base64")],
  ["OTP_KEY", "no base64!"],
  ["SMTP_URL", "http://localhost"],
  ["MAIL_FROM", "nobody"],
  ["MAIL_FROM", "a@example.test, b@example.test"],
])("%s = %s is refused by name", (name, value) => {
  expect(() => readConfig(NotificationsConfig, { ...complete, [name]: value })).toThrow(ConfigError);
  expect(() => readConfig(NotificationsConfig, { ...complete, [name]: value })).toThrow(name);
});

test("the refusal of a bad key does not repeat it", () => {
  const secret = Buffer.alloc(31, 9).toString("base64");
  expect(() => readConfig(NotificationsConfig, { ...complete, OTP_KEY: secret })).not.toThrow(secret);
});
