import { randomUUID } from "node:crypto";
import type { Email } from "postal-mime";
import { JsonLines } from "../json-lines.ts";

/** One mail as it was received. */
export interface Mail {
  readonly id: string;
  readonly messageId: string;
  /** Whether a mail with this Message-ID was here before. */
  readonly duplicate: boolean;
  readonly from: string;
  /** The envelope's recipients. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly receivedAt: string;
}

/** Which mails of the box are asked for. */
export interface MailQuery {
  readonly to?: string | undefined;
  readonly subject?: string | undefined;
  readonly limit: number;
  readonly offset: number;
}

/** Every mail received, kept in a file. A mail that comes twice is kept twice. */
export class Mailbox {
  readonly #mails: JsonLines<Mail>;
  #seen: Set<string>;

  constructor(file: string) {
    this.#mails = new JsonLines<Mail>(file);
    this.#seen = new Set(this.#mails.items.map(({ messageId }) => messageId));
  }

  /** Keeps the mail; on return it is in the file. */
  receive(from: string, to: readonly string[], email: Email, receivedAt: Date): Mail {
    const messageId = email.messageId ?? "";
    const mail: Mail = {
      id: randomUUID(),
      messageId,
      duplicate: messageId !== "" && this.#seen.has(messageId),
      from,
      to,
      subject: email.subject ?? "",
      text: email.text ?? "",
      html: email.html ?? "",
      receivedAt: receivedAt.toISOString(),
    };
    this.#mails.append(mail);
    this.#seen.add(messageId);
    return mail;
  }

  /** The newest first. `to` is a whole address, `subject` a part of one, both in any case. */
  find({ to, subject, limit, offset }: MailQuery): { total: number; mails: Mail[] } {
    const found = this.#mails.items.filter(
      (mail) =>
        (to === undefined || mail.to.some((address) => address.toLowerCase() === to.toLowerCase())) &&
        (subject === undefined || mail.subject.toLowerCase().includes(subject.toLowerCase())),
    );
    return { total: found.length, mails: found.reverse().slice(offset, offset + limit) };
  }

  get(id: string): Mail | undefined {
    return this.#mails.items.find((mail) => mail.id === id);
  }

  count(): { total: number; duplicates: number } {
    const { items } = this.#mails;
    return { total: items.length, duplicates: items.filter(({ duplicate }) => duplicate).length };
  }

  clear(): void {
    this.#mails.clear();
    this.#seen = new Set();
  }

  close(): void {
    this.#mails.close();
  }
}
