import { randomBytes, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { SendOtp } from "#shared/contracts/notifications.ts";
import { otpCipher } from "../../../services/notifications/otp-cipher.ts";
import type { NotificationsTables } from "../../../services/notifications/tables.ts";
import { runFile } from "../../support/run-file.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db, url } = await serviceDatabase("notifications", [SendOtp]);
const key = randomBytes(32);
const own = db.$extendTables<NotificationsTables>();

const sendOtp = (...args: string[]) =>
  runFile("services/notifications/commands/send-otp.ts", args, {
    DATABASE_URL: url,
    OTP_KEY: key.toString("base64"),
  });

async function challengesOf(correlationId: string) {
  return await own
    .selectFrom("notifications.otp_challenges as challenge")
    .innerJoin("duly.jobs as job", "job.id", "challenge.job_id")
    .select(["challenge.id", "challenge.email", "challenge.code_ciphertext"])
    .where("job.correlation_id", "=", correlationId)
    .execute();
}

test("send otp makes the codes asked for and prints challenge ids and nothing else", async () => {
  const correlationId = randomUUID();
  const emails = ["alice@example.test", "bob@example.test"];
  const finished = await sendOtp(...emails, "--count", "3", "--correlation", correlationId);
  const challenges = await challengesOf(correlationId);
  expect(finished).toMatchObject({ code: 0, err: "" });
  expect(challenges.map(({ email }) => email).toSorted()).toEqual(
    emails.flatMap((email) => [email, email, email]),
  );
  expect(finished.out.trim().split("\n").toSorted()).toEqual(challenges.map(({ id }) => id).toSorted());
  for (const { id, code_ciphertext } of challenges) {
    expect(otpCipher(key).open(code_ciphertext, id)).toMatch(/^\d{6}$/);
  }
});

test.each([
  [["nobody"], "is no mail address"],
  [["alice@example.test", "--expires-in", "soon"], '"soon" is no duration'],
  [["alice@example.test", "--count", "0"], "--count must be a whole number from 1"],
  [["alice@example.test", "--correlation", "7"], "--correlation must be a UUID"],
])("send otp %j is refused with what to do, and makes nothing", async (args, sentence) => {
  const before = await own.selectFrom("notifications.otp_challenges").select("id").execute();
  const finished = await sendOtp(...args);
  expect(finished.code).toBe(1);
  expect(finished.err).toContain(sentence);
  expect(await own.selectFrom("notifications.otp_challenges").select("id").execute()).toHaveLength(
    before.length,
  );
});

test("seed takes the example's people, and twice the same ones", async () => {
  const seed = () => runFile("services/notifications/commands/seed.ts", [], { DATABASE_URL: url });
  const first = await seed();
  const second = await seed();
  expect(first).toMatchObject({ code: 0, out: "20 contacts are in.\n" });
  expect(second).toEqual(first);
  expect(await own.selectFrom("notifications.contacts").select("user_id").execute()).toHaveLength(20);
});
