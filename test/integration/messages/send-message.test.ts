import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { SendMessage } from "#shared/contracts/messages.ts";
import { PermanentError } from "#shared/index.ts";
import { chatClient } from "../../../services/messages/chat-client.ts";
import { scheduleMessages } from "../../../services/messages/schedule-messages.ts";
import { sendMessage } from "../../../services/messages/send-message.ts";
import type { MessagesTables } from "../../../services/messages/tables.ts";
import { handlerContext, runHandler } from "../../support/run-handler.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { accept, startChatServer } from "./chat-server.ts";

const { db } = await serviceDatabase("messages", [SendMessage]);
const own = db.$extendTables<MessagesTables>();
const hello = { to: "+15550000001", text: "Hello" };

async function start() {
  const server = await startChatServer(accept);
  return {
    server,
    handler: sendMessage(chatClient({ url: server.url, token: "t", phoneId: "4711" })),
  };
}

async function schedule() {
  const [made] = await scheduleMessages(db, [hello]);
  if (made === undefined) throw new Error("no message was stored");
  return made;
}

const stored = (id: string) =>
  own.selectFrom("messages.messages").selectAll().where("id", "=", id).executeTakeFirstOrThrow();

test("a message is sent to its recipient, and the id that the API gave it is kept", async () => {
  const { server, handler } = await start();
  const { messageId, jobId } = await schedule();
  const { result } = await runHandler(db, handler, { messageId }, { jobId });
  expect(server.asked.map(({ body }) => body)).toMatchObject([
    { to: "+15550000001", text: { body: "Hello" }, biz_opaque_callback_data: `${jobId}.1` },
  ]);
  expect(result).toEqual({ providerMessageId: "wamid.HBgL" });
  expect(await stored(messageId)).toMatchObject({
    state: "sent",
    provider_message_id: "wamid.HBgL",
    sent_at: expect.any(Date) as unknown,
  });
});

test("a message that does not exist is a permanent error, and nothing is asked for", async () => {
  const { server, handler } = await start();
  await expect(runHandler(db, handler, { messageId: randomUUID() })).rejects.toBeInstanceOf(PermanentError);
  expect(server.asked).toEqual([]);
});

test("a dead letter shows on the message, and a replay that succeeds takes it back", async () => {
  const { handler } = await start();
  const { messageId, jobId } = await schedule();
  const context = handlerContext(db, handler, { messageId }, { jobId });
  const error = new PermanentError("chat_400", "no such number");
  await db.transaction().execute(async (trx) => await handler.recordFailure?.(trx, error, context));
  expect(await stored(messageId)).toMatchObject({ state: "failed", failure: "no such number" });
  await runHandler(db, handler, { messageId }, { jobId });
  expect(await stored(messageId)).toMatchObject({ state: "sent", failure: null });
});

test("messages of a list are due at the distances that it says, counted from one instant", async () => {
  const correlationId = randomUUID();
  const list = [
    hello,
    { ...hello, in: 0 },
    { ...hello, in: 1_000 },
    { ...hello, in: 5_000, conversation: "trial-7" },
  ];
  const made = await scheduleMessages(db, list, correlationId);
  const rows = await own
    .selectFrom("messages.messages as message")
    .innerJoin("duly.jobs as job", "job.id", "message.job_id")
    .select(["message.id", "message.conversation_id", "message.state", "job.run_at", "job.payload"])
    .where("job.correlation_id", "=", correlationId)
    .orderBy("job.number")
    .execute();
  const start = rows[1]?.run_at?.getTime() ?? Number.NaN;
  expect(rows.map(({ id }) => id)).toEqual(made.map(({ messageId }) => messageId));
  expect(rows.map(({ run_at }) => run_at && run_at.getTime() - start)).toEqual([null, 0, 1_000, 5_000]);
  expect(rows.map(({ payload }) => payload)).toEqual(rows.map(({ id }) => ({ messageId: id })));
  expect(rows.map((row) => row.conversation_id)).toEqual([hello.to, hello.to, hello.to, "trial-7"]);
});

test("a list that PostgreSQL refuses leaves neither messages nor jobs", async () => {
  const correlationId = randomUUID();
  const list = [hello, { ...hello, text: "a zero byte \0 no text column takes" }];
  await expect(scheduleMessages(db, list, correlationId)).rejects.toThrow();
  const jobs = await db
    .selectFrom("duly.jobs")
    .select("id")
    .where("correlation_id", "=", correlationId)
    .execute();
  expect(jobs).toEqual([]);
});
