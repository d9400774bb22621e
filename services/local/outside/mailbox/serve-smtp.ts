import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { callbackify } from "node:util";
import PostalMime from "postal-mime";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import type { Logger } from "#shared/log/logger.ts";
import type { Faults } from "../faults.ts";
import type { MailFault } from "./mail-fault.ts";
import type { Mailbox } from "./mailbox.ts";

const MAX_MAIL_BYTES = 10 * 1024 * 1024;
// How long a connection that waits for an answer that never comes is kept.
const SILENCE_MS = 600_000;

/** A mail server on 127.0.0.1 while it listens. */
export interface SmtpService {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Takes mail by SMTP, without a login and without TLS, into the mailbox; port 0 takes a free one. */
export async function serveSmtp(
  port: number,
  mailbox: Mailbox,
  faults: Faults<MailFault>,
  log: Logger,
): Promise<SmtpService> {
  // Resolves to the words of the answer, to nothing when none is to be given.
  const receive = async (
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
  ): Promise<string | undefined> => {
    const raw = await buffer(stream);
    if (stream.sizeExceeded) throw answer(552, "The mail is over 10 MB.");
    const email = await PostalMime.parse(raw);
    const { mailFrom, rcptTo } = session.envelope;
    const to = rcptTo.map(({ address }) => address);
    const fault = faults.take(["slow", "timeout-after-effect"], to.map(lowerCase));
    if (fault?.kind === "slow") await sleep(fault.delayMs);
    const mail = mailbox.receive(mailFrom === false ? "" : mailFrom.address, to, email, new Date());
    log.info({ mailId: mail.id, messageId: mail.messageId, duplicate: mail.duplicate, to }, "mail received");
    if (fault?.kind !== "timeout-after-effect") return `kept as ${mail.id}`;
    log.info({ mailId: mail.id, fault: fault.kind }, "the answer is withheld");
    await sleep(fault.delayMs ?? SILENCE_MS, undefined, { ref: false });
    return undefined;
  };

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    size: MAX_MAIL_BYTES,
    socketTimeout: SILENCE_MS,
    closeTimeout: 200,
    onConnect: (_session, done) => {
      const fault = faults.take(["refuse"], []);
      done(fault === undefined ? null : answer(421, "No mail is taken at the moment."));
    },
    onRcptTo: ({ address }, _session, done) => {
      const fault = faults.take(["450", "550"], [lowerCase(address)]);
      if (fault === undefined) return done();
      const temporary = fault.kind === "450";
      return done(
        answer(Number(fault.kind), `Mailbox ${temporary ? "busy, try later" : "unknown"}: ${address}`),
      );
    },
    onData: (stream, session, done) => {
      callbackify(receive)(stream, session, (error: Error | null, words) => {
        if (error === null && words === undefined) cut(server, session);
        else done(error, words);
      });
    },
  });
  const listening = once(server.server, "listening");
  server.listen(port, "127.0.0.1");
  await listening;
  server.on("error", (error) => log.warn({ err: error }, "connection failed"));
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("A listening server has no port.");
  return {
    port: address.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
}

function answer(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

function cut(server: SMTPServer, session: SMTPServerSession): void {
  for (const connection of server.connections) if (connection.session === session) connection.close();
}
