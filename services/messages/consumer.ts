import type { Handler } from "#shared/index.ts";
import type { ChatClient } from "./chat-client.ts";
import { sendMessage } from "./send-message.ts";

/** All that messages runs. */
export function messages(chat: ChatClient): readonly Handler[] {
  return [sendMessage(chat)];
}
