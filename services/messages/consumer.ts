import type { Handler } from "#shared/index.ts";
import { type SendMessageParts, sendMessage } from "./send-message.ts";

/** All that messages runs. */
export function messages(parts: SendMessageParts): readonly Handler[] {
  return [sendMessage(parts)];
}
