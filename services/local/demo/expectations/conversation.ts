import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { type Check, exactly } from "./check.ts";

/** Each phone got its messages, each once and in the order of the file. */
export function expectConversation({ conversation }: GivenWork, { messages }: Evidence): Check[] {
  const phones = [...new Set(conversation.map(({ to }) => digits(to)))];
  return phones.map((phone) => {
    const expected = conversation.filter(({ to }) => digits(to) === phone).map(({ text }) => text);
    const seen = messages.filter(({ to }) => to === phone).map(({ text }) => text);
    return exactly(`messages to +${phone}, in order`, inOrder(expected), inOrder(seen, expected));
  });
}

function digits(phone: string): string {
  return phone.replaceAll(/\D/g, "");
}

/** Spells texts by their places in `order`, `1 2 3`, and those that have none in full. */
function inOrder(texts: readonly string[], order: readonly string[] = texts): string {
  const places = texts.map((text) => (order.includes(text) ? String(order.indexOf(text) + 1) : `"${text}"`));
  return places.join(" ") || "none";
}
