import { z } from "zod";
import { type OrderedFaults, orderFaults } from "../ordered-faults.ts";
import { startOutsideProgram } from "../outside-program.ts";
import type { Arrival } from "./judge-posts.ts";

/** The local mailbox as a process of its own. */
export interface MailboxProcess {
  readonly smtpUrl: string;
  readonly faults: OrderedFaults;
  /** Every mail with a one-time code that it has, each as often as it was taken. */
  readonly arrivals: () => Promise<Arrival[]>;
  /** How many mails it has. */
  readonly count: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const Ready = z.object({ smtpPort: z.number(), httpPort: z.number() });
const Count = z.object({ total: z.number() });
const Mails = z.object({
  total: z.number(),
  mails: z.array(
    z.object({
      id: z.string(),
      messageId: z.string(),
      to: z.array(z.string()),
      text: z.string(),
    }),
  ),
});
const PAGE = 1000;

/** Starts it with its mails in `file`; `stackDir` marks the process. */
export async function startMailboxProcess(file: string, stackDir: string): Promise<MailboxProcess> {
  const environment = { SMTP_PORT: "0", HTTP_PORT: "0", DATA_FILE: file };
  const { ready, stop } = await startOutsideProgram("mailbox", environment, stackDir, Ready);
  const url = `http://127.0.0.1:${ready.httpPort}`;
  return {
    smtpUrl: `smtp://127.0.0.1:${ready.smtpPort}`,
    faults: orderFaults(url),
    arrivals: async () => {
      const found: Arrival[] = [];
      for (let [total, read] = [1, 0]; read < total; ) {
        const answer = await fetch(`${url}/mails?subject=one-time&limit=${PAGE}&offset=${read}`);
        const page = Mails.parse(await answer.json());
        total = page.total;
        read += page.mails.length;
        for (const { id, messageId, to, text } of page.mails) {
          const code = /code is (\d{6})\b/.exec(text)?.[1] ?? text;
          found.push({ to: to.join(" "), text: code, mark: messageId, id });
        }
      }
      return found;
    },
    count: async () => Count.parse(await (await fetch(`${url}/mails/count`)).json()).total,
    stop,
  };
}
