import type { Readable } from "node:stream";
import { createTransport, type SendMailOptions } from "nodemailer";
import { dependency } from "#shared/index.ts";
import { smtpError } from "./smtp-error.ts";

/** The mail server: while it fails, mails wait and spend no attempt. */
export const SMTP = dependency("smtp");

/** One mail to one person. */
export interface Mail {
  /** Makes the Message-ID: a second mail with the same key is recognisable as the same. */
  readonly key: string;
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
}

/** What the server said when it took a mail. */
export interface MailReceipt {
  readonly messageId: string;
  readonly response: string;
}

/** Sends mail. */
export interface Mailer {
  /** Resolves when the server has taken the mail; rejects with the errors of `smtpError`. */
  readonly send: (mail: Mail, signal: AbortSignal) => Promise<MailReceipt>;
  /** Ends idle connections at once, others after the mail that they carry. */
  readonly close: () => void;
}

/** Where mail goes out, and in whose name. */
export interface MailerOptions {
  readonly url: string;
  readonly from: string;
  /** Most connections at once; give each priority a mailer of its own, so that no OTP waits behind a notice. */
  readonly connections: number;
  /** Milliseconds to connect and be greeted, and milliseconds of silence afterwards. */
  readonly patienceMs?: number;
}

interface WatchedMail extends SendMailOptions {
  readonly onContent: (content: Readable) => void;
}

/** Opens a mailer that keeps SMTP connections and reuses them; nothing connects before the first mail. */
export function openMailer({ url, from, connections, patienceMs = 5_000 }: MailerOptions): Mailer {
  const transport = createTransport({
    pool: true,
    url,
    maxConnections: connections,
    // Nodemailer tries again only while no byte of the mail has left; the rest is for the engine to decide.
    maxRequeues: 1,
    connectionTimeout: patienceMs, // from the look-up of the name to the greeting
    socketTimeout: 2 * patienceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // Hands out the stream that the connection will read, for `readableDidRead` tells whether the mail had begun.
  transport.use("stream", (mail, done) => {
    mail.message.processFunc((content: Readable) => {
      (mail.data as WatchedMail).onContent(content);
      return content;
    });
    done();
  });

  return {
    send: async (mail, signal) => {
      let content: Readable | undefined;
      const watched: WatchedMail = {
        from,
        to: { ...mail.to },
        subject: mail.subject,
        text: mail.text,
        messageId: messageId(mail.key, from),
        headers: { "Auto-Submitted": "auto-generated" }, // RFC 3834: no out-of-office replies
        signal,
        onContent: (stream) => {
          content = stream;
        },
      };
      try {
        const sent = await transport.sendMail(watched);
        return { messageId: sent.messageId, response: sent.response };
      } catch (error) {
        throw error instanceof Error ? smtpError(error, content?.readableDidRead === true) : error;
      }
    },
    close: () => transport.close(),
  };
}

/** RFC 5322 §3.6.4: a unique left side at the sender's own domain. */
function messageId(key: string, from: string): string {
  const domain = from.slice(from.lastIndexOf("@") + 1).replace(/>\s*$/, "");
  return `<${key}@${domain}>`;
}
