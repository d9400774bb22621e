import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MessageList } from "../../../services/messages/schedule-messages.ts";

test("the example is a conversation of six messages, none of them more than 5 s ahead", () => {
  const file = new URL("../../../examples/conversation.json", import.meta.url);
  const list = MessageList.parse(JSON.parse(readFileSync(file, "utf8")));
  expect(list.map((message) => message.in ?? 0)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);
  expect(new Set(list.map(({ to }) => to)).size).toBe(1);
});

test.each([
  [[]],
  [[{ to: "0555", text: "no country code" }]],
  [[{ to: "+15550000001", text: "" }]],
  [[{ to: "+15550000001", text: "x".repeat(4097) }]],
  [[{ to: "+15550000001", text: "late", in: "soon" }]],
  [[{ to: "+15550000001", text: "a field nobody knows", at: "now" }]],
  [[{ text: "to nobody" }]],
])("%j is refused", (list) => {
  expect(() => MessageList.parse(list)).toThrow();
});
