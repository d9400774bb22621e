import { z } from "zod";

/** What the chat API reads from its environment; port 0 takes a free one. */
export const ChatConfig = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535),
  CHAT_TOKEN: z.string().min(1),
  CHAT_PHONE_ID: z.string().regex(/^\d+$/),
  DATA_FILE: z.string().min(1),
});
