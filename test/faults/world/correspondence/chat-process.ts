import { z } from "zod";
import { CHAT_PHONE_ID } from "../../../../services/local/stack/start-outside.ts";
import { type OrderedFaults, orderFaults } from "../ordered-faults.ts";
import { startOutsideProgram } from "../outside-program.ts";
import type { Arrival } from "./judge-posts.ts";

/** The local chat API as a process of its own. */
export interface ChatProcess {
  readonly url: string;
  readonly faults: OrderedFaults;
  /** Every message of every conversation, each as often as it was sent. */
  readonly arrivals: () => Promise<Arrival[]>;
  /** How many messages were sent. */
  readonly count: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const Ready = z.object({ port: z.number() });
const Conversations = z.object({ total: z.number(), conversations: z.array(z.object({ to: z.string() })) });
const Conversation = z.object({
  total: z.number(),
  messages: z.array(z.object({ id: z.string(), text: z.string(), callbackData: z.string().nullable() })),
});
/** More than anybody gets. */
const MOST = 1000;

/** Starts it with its messages in `file`; `stackDir` marks the process. */
export async function startChatProcess(
  file: string,
  { token, stackDir }: { readonly token: string; readonly stackDir: string },
): Promise<ChatProcess> {
  const environment = { PORT: "0", CHAT_TOKEN: token, CHAT_PHONE_ID, DATA_FILE: file };
  const { ready, stop } = await startOutsideProgram("chat", environment, stackDir, Ready);
  const url = `http://127.0.0.1:${ready.port}`;
  const conversations = async () => Conversations.parse(await (await fetch(`${url}/conversations`)).json());
  const conversation = async (to: string): Promise<Arrival[]> => {
    const answer = await fetch(`${url}/conversations/${to}?limit=${MOST}`);
    const { total, messages } = Conversation.parse(await answer.json());
    if (total > messages.length) throw new Error(`${to} got ${total} messages`);
    return messages.map(({ id, text, callbackData }) => {
      return { to, text, mark: callbackData ?? "", id };
    });
  };
  return {
    url,
    faults: orderFaults(url),
    arrivals: async () => {
      const found: Arrival[] = [];
      for (const { to } of (await conversations()).conversations) found.push(...(await conversation(to)));
      return found;
    },
    count: async () => (await conversations()).total,
    stop,
  };
}
