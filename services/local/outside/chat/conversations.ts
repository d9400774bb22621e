import { randomBytes } from "node:crypto";
import { JsonLines } from "../json-lines.ts";

/** One message as it was sent to a phone. */
export interface ChatMessage {
  /** `wamid.…` */
  readonly id: string;
  /** Digits only. */
  readonly to: string;
  readonly text: string;
  /** What the sender gave as `biz_opaque_callback_data`. */
  readonly callbackData: string | null;
  readonly sentAt: string;
}

/** Every message sent, kept in a file, by recipient in the order of sending. The API removes no duplicates. */
export class Conversations {
  readonly #messages: JsonLines<ChatMessage>;

  constructor(file: string) {
    this.#messages = new JsonLines<ChatMessage>(file);
  }

  /** Keeps the message; on return it is in the file. */
  send(to: string, text: string, callbackData: string | null, sentAt: Date): ChatMessage {
    const id = `wamid.${randomBytes(24).toString("base64url")}`;
    const message = { id, to, text, callbackData, sentAt: sentAt.toISOString() };
    this.#messages.append(message);
    return message;
  }

  /** A page of one conversation, the oldest first. */
  with(to: string, limit: number, offset: number): { to: string; total: number; messages: ChatMessage[] } {
    const all = this.#messages.items.filter((message) => message.to === to);
    return { to, total: all.length, messages: all.slice(offset, offset + limit) };
  }

  /** How many messages each phone got. */
  list(): { total: number; conversations: { to: string; messages: number }[] } {
    const { items } = this.#messages;
    const counts = new Map<string, number>();
    for (const { to } of items) counts.set(to, (counts.get(to) ?? 0) + 1);
    const conversations = [...counts].map(([to, messages]) => ({ to, messages }));
    return { total: items.length, conversations };
  }

  clear(): void {
    this.#messages.clear();
  }

  close(): void {
    this.#messages.close();
  }
}
