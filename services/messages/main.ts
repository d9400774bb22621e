import { runService } from "#shared/index.ts";
import { chatClient } from "./chat-client.ts";
import { MessagesConfig } from "./config.ts";
import { messages } from "./consumer.ts";

await runService("messages", MessagesConfig, async ({ config, consume }) => {
  const chat = chatClient({ url: config.CHAT_URL, token: config.CHAT_TOKEN, phoneId: config.CHAT_PHONE_ID });
  consume(messages(chat));
});
