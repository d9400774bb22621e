import { z } from "zod";
import { defineJob } from "./define-job.ts";

/** Sends one chat message; its payload names a row of `messages.messages`. */
export const SendMessage = defineJob("message.send", {
  payload: z.object({ messageId: z.uuid() }),
  priority: "medium",
  attempts: 3,
  backoff: [2_000, 4_000],
  timeoutMs: 15_000,
});
