import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { onTestFinished } from "vitest";

/** One mail as the server took it. */
export interface TakenMail extends Email {
  /** Addresses of the envelope, RCPT TO. */
  readonly recipients: readonly string[];
}

export interface MailServer {
  readonly url: string;
  readonly taken: readonly TakenMail[];
  /** Times a client connected. */
  readonly connections: () => number;
  /** Breaks every connection with a reset. */
  readonly reset: () => void;
  /** Says goodbye on every connection as a server does after idle time. */
  readonly hangUp: () => Promise<void>;
}

/** An error that smtp-server answers with this reply code. */
export function reply(responseCode: number): Error {
  return Object.assign(new Error("as the test wants it"), { responseCode });
}

/** Starts a real SMTP server that ends with the test; `faults` replaces its behaviour. */
export async function startMailServer(faults: SMTPServerOptions = {}): Promise<MailServer> {
  const taken: TakenMail[] = [];
  const sockets: Socket[] = [];
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData: (stream, session, done) => {
      const take = async () => {
        const email = await PostalMime.parse(await text(stream));
        taken.push({ ...email, recipients: session.envelope.rcptTo.map(({ address }) => address) });
      };
      take().then(() => done(), done);
    },
    ...faults,
  });
  smtp.server.on("connection", (socket: Socket) => sockets.push(socket));
  smtp.on("error", () => undefined); // resets, which some tests cause
  smtp.listen(0, "127.0.0.1");
  await once(smtp.server, "listening");
  const reset = () => sockets.forEach((socket) => socket.resetAndDestroy());
  onTestFinished(async () => {
    reset();
    await new Promise<void>((resolve) => smtp.close(() => resolve()));
  });
  const { port } = smtp.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    taken,
    connections: () => sockets.length,
    reset,
    hangUp: async () => {
      const closed = sockets.filter((socket) => !socket.destroyed).map((socket) => once(socket, "close"));
      sockets.forEach((socket) => socket.end("421 4.4.2 idle for too long\r\n"));
      await Promise.all(closed);
    },
  };
}
