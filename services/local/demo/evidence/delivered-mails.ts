import { z } from "zod";
import type { DemoRun } from "../demo-run.ts";
import { getJson } from "./get-json.ts";

const MOST = "1000";

const Mails = z.object({
  mails: z.array(z.object({ to: z.array(z.string()), subject: z.string(), text: z.string() })),
});

/** A mail as the mailbox received it. */
export type DeliveredMail = z.infer<typeof Mails>["mails"][number];

/** Reads the newest mails whose subject holds these words. */
export async function deliveredMails({ stack }: DemoRun, subject: string): Promise<DeliveredMail[]> {
  const url = new URL("/mails", stack.mailUrl);
  url.search = new URLSearchParams({ subject, limit: MOST }).toString();
  return (await getJson(url, Mails)).mails;
}
