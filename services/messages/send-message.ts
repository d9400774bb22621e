import { sql } from "kysely";
import { SendMessage } from "#shared/contracts/messages.ts";
import { type Database, dependency, handle, PermanentError } from "#shared/index.ts";
import type { ChatClient } from "./chat-client.ts";
import type { MessagesTables } from "./tables.ts";

/** The chat API: while it fails, messages wait and spend no attempt. */
const CHAT = dependency("chat");

/**
 * Sends a stored message and keeps the id that the chat API gave it.
 *
 * The API knows no keys and cannot be asked for them, so after a lost answer the message is sent again.
 */
export function sendMessage(chat: ChatClient) {
  return handle(SendMessage, {
    effects: "atLeastOnce",
    uses: [CHAT],
    perform: async ({ payload, intent, signal, db }) => {
      const message = await findMessage(db, payload.messageId);
      return await chat.sendText(
        { to: message.recipient_phone, body: message.body, reference: intent.key },
        signal,
      );
    },
    record: async (trx, providerMessageId, { payload }) => {
      await trx
        .$extendTables<MessagesTables>()
        .updateTable("messages.messages")
        .set({
          state: "sent",
          provider_message_id: providerMessageId,
          failure: null,
          sent_at: sql<Date>`duly.now()`,
        })
        .where("id", "=", payload.messageId)
        .execute();
      return { providerMessageId };
    },
    recordFailure: async (trx, error, { payload }) => {
      await trx
        .$extendTables<MessagesTables>()
        .updateTable("messages.messages")
        .set({ state: "failed", failure: error.message })
        .where("id", "=", payload.messageId)
        .execute();
    },
  });
}

async function findMessage(db: Database, id: string) {
  const message = await db
    .$extendTables<MessagesTables>()
    .selectFrom("messages.messages")
    .select(["recipient_phone", "body"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (message === undefined) throw new PermanentError("message_unknown", `there is no message ${id}`);
  return message;
}
