import { z } from "zod";
import { ConsumerConfig } from "#shared/index.ts";

/** The settings of the messages service. */
export const MessagesConfig = z.object({
  ...ConsumerConfig.shape,
  CHAT_URL: z.url({ protocol: /^https?$/ }).describe("the chat API: https://graph.facebook.com"),
  CHAT_TOKEN: z.string().min(1).describe("the chat API's access token"),
  CHAT_PHONE_ID: z
    .string()
    .regex(/^\d+$/, "must be digits")
    .describe("id of the sending phone number, digits"),
});
