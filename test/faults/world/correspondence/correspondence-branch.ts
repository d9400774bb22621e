import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RecordTransaction } from "#shared/contracts/reports.ts";
import { enqueueMany } from "#shared/index.ts";
import { makeSecrets } from "../../../../services/local/stack/secrets.ts";
import { CHAT_PHONE_ID } from "../../../../services/local/stack/start-outside.ts";
import { otpCipher } from "../../../../services/notifications/otp-cipher.ts";
import { seedContacts } from "../../../../services/notifications/seed-contacts.ts";
import { root } from "../../../support/repository.ts";
import type { Round } from "../../scenario.ts";
import type { KeptProcess } from "../kept-process.ts";
import { type Link, layLink } from "../link.ts";
import { until } from "../wait.ts";
import { type ChatProcess, startChatProcess } from "./chat-process.ts";
import type { PostsEvidence } from "./judge-posts.ts";
import type { ReportsEvidence } from "./judge-reports.ts";
import { type MailboxProcess, startMailboxProcess } from "./mailbox-process.ts";
import { faultsFor, type Post } from "./posts.ts";
import { readCodeFates, readMessageFates } from "./read-post-fates.ts";
import { agePartFiles, readReportFates, readReportFiles, readTransactionFates } from "./read-reports.ts";
import { requestWork, type Work } from "./request-work.ts";
import type { ReportOrder, Transaction } from "./transactions.ts";

/** The services of the branch, by their folders. */
export const SERVICES = ["notifications", "messages", "reports"] as const;
export type CorrespondenceService = (typeof SERVICES)[number];

/** The names of the links to the outside. */
export const LINKS = { mailbox: "notifications to the mailbox", chat: "messages to the chat API" } as const;

/** A link to the outside. */
export interface Way {
  readonly link: Link;
  /** How much has arrived at its end. */
  readonly arrived: () => Promise<number>;
}

/** The services that mail, message and report, with their mailbox and chat API, for one round. */
export interface CorrespondenceBranch {
  readonly processes: Readonly<Record<CorrespondenceService, readonly KeptProcess[]>>;
  readonly mailbox: MailboxProcess;
  readonly chat: ChatProcess;
  /** From the services to the mailbox and to the chat API. */
  readonly ways: readonly Way[];
  /** Asks for transactions to be recorded, on which reports are written; resolves when they are, or should be. */
  readonly record: (transactions: readonly Transaction[]) => Promise<void>;
  /**
   * Orders the faults that are planned for some work; first of all faults, for of those that fit the first one strikes.
   */
  readonly plan: (work: Work) => Promise<void>;
  /** Asks for work; resolves when all of it has been asked for. */
  readonly give: (work: Work) => Promise<void>;
  /**
   * Lets hours pass over reports that killed processes left half-written, and restarts the service; resolves to how
   * many there were.
   */
  readonly removeParts: () => Promise<number>;
  /** Takes back all faults of mailbox and chat API; resolves to how often each has struck. */
  readonly endFaults: () => Promise<Readonly<Record<string, number>>>;
  readonly evidence: () => Promise<{ readonly posts: PostsEvidence; readonly reports: ReportsEvidence }>;
  readonly stop: () => Promise<void>;
}

const READY_MS = 60_000;
const RECORDED_MS = 60_000;

/** Opens it anew, with keys of its own, an empty mailbox and an empty folder of reports. */
export async function openCorrespondenceBranch({ world, name }: Round): Promise<CorrespondenceBranch> {
  const { db } = world;
  const folder = join(world.folder, name.replace("/", "-"));
  const reportsFolder = join(folder, "reports");
  mkdirSync(reportsFolder, { recursive: true });
  const { chatToken, otpKey } = makeSecrets();
  const [mailbox, chat] = await Promise.all([
    startMailboxProcess(join(folder, "mails.jsonl"), world.folder),
    startChatProcess(join(folder, "messages.jsonl"), { token: chatToken, stackDir: world.folder }),
  ]);
  const toMailbox = await layLink(LINKS.mailbox, mailbox.smtpUrl);
  const toChat = await layLink(LINKS.chat, chat.url);
  // The quick run makes payments meanwhile, whose payers are mailed to.
  await seedContacts(db, JSON.parse(readFileSync(join(root, "examples/users.json"), "utf8")));
  const start = async (service: CorrespondenceService, env: Readonly<Record<string, string>>) => {
    const file = `services/${service}/main.ts`;
    const started = await world.join({ name: service, file, instances: 2, env });
    await Promise.all(started.map((each) => each.isReady(READY_MS)));
    return started;
  };
  const [notifications, messages, reports] = await Promise.all([
    start("notifications", {
      SMTP_URL: toMailbox.url,
      MAIL_FROM: "Duly <no-reply@example.test>",
      OTP_KEY: otpKey,
    }),
    start("messages", { CHAT_URL: toChat.url, CHAT_TOKEN: chatToken, CHAT_PHONE_ID }),
    start("reports", { REPORTS_DIR: reportsFolder }),
  ]);

  const cipher = otpCipher(Buffer.from(otpKey, "base64"));
  const posts: Post[] = [];
  const orders = new Map<string, ReportOrder>();
  /** Events by the jobs that record them. */
  const recorded = new Map<string, string>();
  const addresses = (kind: Post["kind"]) => posts.filter((post) => post.kind === kind).map(({ to }) => to);
  return {
    processes: { notifications, messages, reports },
    mailbox,
    chat,
    ways: [
      { link: toMailbox, arrived: mailbox.count },
      { link: toChat, arrived: chat.count },
    ],
    record: async (transactions) => {
      const items = transactions.map((payload) => ({ payload }));
      const jobs = await db.transaction().execute((trx) => enqueueMany(trx, RecordTransaction, items));
      for (const [place, { eventId }] of transactions.entries()) recorded.set(jobs[place] ?? "", eventId);
      const isDone = async () =>
        (await readTransactionFates(db, recorded)).every(({ isRecorded }) => isRecorded);
      await until(isDone, RECORDED_MS);
    },
    plan: async (work) => {
      const planned = (kind: Post["kind"]) =>
        work.posts.filter((post) => post.kind === kind).flatMap((post) => faultsFor(post));
      await Promise.all([mailbox.faults.order(planned("code")), chat.faults.order(planned("message"))]);
    },
    give: async (work) => {
      posts.push(...work.posts);
      const jobs = await requestWork(db, cipher, work);
      for (const [place, order] of work.reports.entries()) orders.set(jobs[place] ?? "", order);
    },
    removeParts: async () => {
      const parts = await agePartFiles(reportsFolder);
      const [first] = reports;
      await first?.restart();
      await first?.isReady(READY_MS);
      return parts;
    },
    endFaults: async () => {
      await Promise.all([mailbox.faults.clear(), chat.faults.clear()]);
      return { ...mailbox.faults.struck(), ...chat.faults.struck() };
    },
    evidence: async () => {
      const [codeFates, messageFates, mails, chats, fates, files, transactions] = await Promise.all([
        readCodeFates(db, cipher, addresses("code")),
        readMessageFates(db, addresses("message")),
        mailbox.arrivals(),
        chat.arrivals(),
        readReportFates(db, [...orders.keys()]),
        readReportFiles(reportsFolder),
        readTransactionFates(db, recorded),
      ]);
      return {
        posts: { posts, fates: [...codeFates, ...messageFates], arrivals: [...mails, ...chats] },
        reports: { orders, fates, files, transactions },
      };
    },
    stop: async () => {
      await Promise.all([...notifications, ...messages, ...reports].map((each) => each.stop()));
      await Promise.all([toMailbox.close(), toChat.close()]);
      await Promise.all([mailbox.stop(), chat.stop()]);
    },
  };
}
