import { z } from "zod";
import { SendMessage } from "#shared/contracts/messages.ts";
import type { DemoRun } from "../demo-run.ts";
import { ofType, type RunJob } from "../run-jobs.ts";
import { getJson } from "./get-json.ts";

const PAGE = 1_000;

const Page = z.object({
  total: z.number(),
  messages: z.array(z.object({ to: z.string(), text: z.string(), callbackData: z.string().nullable() })),
});

/** A message as a phone received it. */
export type SentMessage = z.infer<typeof Page>["messages"][number];

/** Reads what the run's jobs sent to these phones, in the order of arrival; what others sent there is left out. */
export async function sentMessages(
  { stack }: DemoRun,
  phones: readonly string[],
  jobs: readonly RunJob[],
): Promise<SentMessage[]> {
  const ids = ofType(jobs, SendMessage).map(({ id }) => id);
  const sent = await Promise.all(phones.map((phone) => conversation(stack.chatUrl, phone)));
  return sent.flat().filter(({ callbackData }) => ids.some((id) => callbackData?.startsWith(id) === true));
}

async function conversation(chatUrl: string, phone: string): Promise<SentMessage[]> {
  const url = new URL(`/conversations/${encodeURIComponent(phone)}`, chatUrl);
  const { total } = await getJson(url, Page);
  url.search = new URLSearchParams({
    limit: String(PAGE),
    offset: String(Math.max(0, total - PAGE)),
  }).toString();
  return (await getJson(url, Page)).messages;
}
