import { randomBytes, randomUUID } from "node:crypto";
import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import { SendOtp } from "#shared/contracts/notifications.ts";
import { openMailer } from "../../../services/notifications/mailer.ts";
import { otpCipher } from "../../../services/notifications/otp-cipher.ts";
import { requestOtps } from "../../../services/notifications/request-otp.ts";
import { sendOtp } from "../../../services/notifications/send-otp.ts";
import type { NotificationsTables } from "../../../services/notifications/tables.ts";
import { handlerContext, runHandler } from "../../support/run-handler.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { startMailServer } from "./mail-server.ts";

const { db } = await serviceDatabase("notifications", [SendOtp]);
const own = db.$extendTables<NotificationsTables>();
const cipher = otpCipher(randomBytes(32));

async function requestOtp(email: string) {
  const [made] = await requestOtps(db, cipher, { emails: [email], validForMs: 60_000 });
  if (made === undefined) throw new Error("no challenge was made");
  return made;
}

async function start() {
  const server = await startMailServer();
  const mailer = openMailer({ url: server.url, from: "no-reply@duly.test", connections: 2 });
  onTestFinished(() => mailer.close());
  return { server, handler: sendOtp({ mailer, cipher }) };
}

async function expire(challengeId: string): Promise<void> {
  await own
    .updateTable("notifications.otp_challenges")
    .set({ expires_at: sql<Date>`duly.now()` })
    .where("id", "=", challengeId)
    .execute();
}

test("the code of a challenge is mailed to its address, and the challenge notes when", async () => {
  const { server, handler } = await start();
  const { challengeId } = await requestOtp("alice@example.test");
  await runHandler(db, handler, { challengeId });

  const challenge = await own
    .selectFrom("notifications.otp_challenges")
    .selectAll()
    .where("id", "=", challengeId)
    .executeTakeFirstOrThrow();
  expect(server.taken.map(({ recipients }) => recipients)).toEqual([["alice@example.test"]]);
  expect(server.taken[0]?.text).toContain(`code is ${cipher.open(challenge.code_ciphertext, challengeId)}\n`);
  expect(challenge.sent_at).toBeInstanceOf(Date);
});

test("neither the job nor its result holds more than ids", async () => {
  const { handler } = await start();
  const { challengeId, jobId } = await requestOtp("alice@example.test");
  const { receipt, result } = await runHandler(db, handler, { challengeId }, { jobId });
  const job = await db
    .selectFrom("duly.jobs")
    .select("payload")
    .where("id", "=", jobId)
    .executeTakeFirstOrThrow();
  expect(job.payload).toEqual({ challengeId });
  expect(result).toEqual({ messageId: `<${jobId}.1@duly.test>` });
  expect(Object.keys(receipt)).toEqual(["messageId", "response"]);
});

test("an expired code is never mailed: a permanent error, and no connection", async () => {
  const { server, handler } = await start();
  const { challengeId } = await requestOtp("alice@example.test");
  await expire(challengeId);
  await expect(runHandler(db, handler, { challengeId })).rejects.toMatchObject({
    name: "PermanentError",
    code: "otp_expired",
  });
  expect(server.connections()).toBe(0);
});

test("a challenge that does not exist is a permanent error", async () => {
  const { handler } = await start();
  await expect(runHandler(db, handler, { challengeId: randomUUID() })).rejects.toMatchObject({
    name: "PermanentError",
    code: "otp_unknown",
  });
});

test("a second run under the same intent is recognisable by its Message-ID, one under the next is not", async () => {
  const { server, handler } = await start();
  const { challengeId, jobId } = await requestOtp("alice@example.test");
  for (const intentNumber of [1, 1, 2]) {
    await handler.perform?.(handlerContext(db, handler, { challengeId }, { jobId, intentNumber }));
  }
  expect(server.taken.map(({ messageId }) => messageId)).toEqual([
    `<${jobId}.1@duly.test>`,
    `<${jobId}.1@duly.test>`,
    `<${jobId}.2@duly.test>`,
  ]);
});

test("a request makes a challenge and a critical job that expires with it for each address", async () => {
  const correlationId = randomUUID();
  const emails = ["alice@example.test", "bob@example.test", "alice@example.test"];
  const made = await requestOtps(db, cipher, { emails, validForMs: 300_000, correlationId });
  const rows = await own
    .selectFrom("notifications.otp_challenges as challenge")
    .innerJoin("duly.jobs as job", "job.id", "challenge.job_id")
    .select(["challenge.id", "challenge.email", "challenge.expires_at", "job.id as jobId", "job.payload"])
    .select(["job.expires_at as jobExpiresAt", "job.priority", "job.correlation_id", "challenge.created_at"])
    .where("job.correlation_id", "=", correlationId)
    .execute();
  expect(rows).toHaveLength(3);
  expect(rows.map(({ email }) => email).toSorted()).toEqual(emails.toSorted());
  for (const row of rows) {
    expect(made).toContainEqual({ challengeId: row.id, jobId: row.jobId });
    expect(row.payload).toEqual({ challengeId: row.id });
    expect(row.priority).toBe("critical");
    expect(row.jobExpiresAt).toEqual(row.expires_at);
    expect(row.expires_at.getTime() - row.created_at.getTime()).toBeGreaterThan(299_000);
  }
});

test("a request that fails leaves neither challenges nor jobs", async () => {
  const correlationId = randomUUID();
  const broken = {
    ...cipher,
    seal: () => {
      throw new Error("no entropy");
    },
  };
  const request = { emails: ["carol@example.test"], validForMs: 60_000, correlationId };
  await expect(requestOtps(db, broken, request)).rejects.toThrow("no entropy");
  const jobs = await db
    .selectFrom("duly.jobs")
    .select("id")
    .where("correlation_id", "=", correlationId)
    .execute();
  expect(jobs).toEqual([]);
});
