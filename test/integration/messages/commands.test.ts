import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { SendMessage } from "#shared/contracts/messages.ts";
import type { MessagesTables } from "../../../services/messages/tables.ts";
import { runFile } from "../../support/run-file.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db, url } = await serviceDatabase("messages", [SendMessage]);

const send = (...args: string[]) =>
  runFile("services/messages/commands/send-message.ts", args, { DATABASE_URL: url });

const messagesOf = (correlationId: string) =>
  db
    .$extendTables<MessagesTables>()
    .selectFrom("messages.messages as message")
    .innerJoin("duly.jobs as job", "job.id", "message.job_id")
    .select(["message.id", "message.body", "message.recipient_phone", "job.run_at", "job.enqueued_at"])
    .where("job.correlation_id", "=", correlationId)
    .orderBy("job.number")
    .execute();

test("send message stores one message, due when it says, and prints its id", async () => {
  const correlationId = randomUUID();
  const args = ["--to", "+15550000001", "--text", "Hello", "--in", "1h", "--correlation", correlationId];
  const finished = await send(...args);
  const messages = await messagesOf(correlationId);
  expect(finished).toMatchObject({ code: 0, err: "" });
  expect(messages).toMatchObject([
    { id: finished.out.trim(), body: "Hello", recipient_phone: "+15550000001" },
  ]);
  const ahead = (messages[0]?.run_at?.getTime() ?? 0) - (messages[0]?.enqueued_at.getTime() ?? 0);
  expect(ahead).toBeGreaterThan(3_590_000);
});

test("send message --file stores the whole conversation", async () => {
  const correlationId = randomUUID();
  const finished = await send("--file", "examples/conversation.json", "--correlation", correlationId);
  const messages = await messagesOf(correlationId);
  expect(finished.code).toBe(0);
  expect(messages).toHaveLength(6);
  expect(finished.out.trim().split("\n")).toEqual(messages.map(({ id }) => id));
});

test.each([
  [["--text", "to nobody"], "give --to and --text", 2],
  [["--to", "0555", "--text", "Hello"], "E.164", 1],
  [["--to", "+15550000001", "--text", "Hello", "--in", "soon"], '"soon" is no duration', 1],
  [["--file", "examples/there-is-no-such-file.json"], "there-is-no-such-file.json", 2],
])("send message %j is refused with what to do", async (args, sentence, code) => {
  const finished = await send(...args);
  expect(finished.code).toBe(code);
  expect(finished.err).toContain(sentence);
});
