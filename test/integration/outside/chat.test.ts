import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChatMessage } from "../../../services/local/outside/chat/conversations.ts";
import { eventually } from "../../support/eventually.ts";
import { type OutsideProcess, startOutside, temporaryFolder } from "./outside-process.ts";

const TO = "+1 555 000-0001";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let chat: OutsideProcess;

const start = () =>
  startOutside("chat", {
    PORT: "0",
    CHAT_TOKEN: "s3cret",
    CHAT_PHONE_ID: "100200300",
    DATA_FILE: join(folder.path, "messages.jsonl"),
  });
const http = (path: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${chat.ready["port"]}${path}`, init);
const post = (body: string, token = "s3cret", phoneId = "100200300") =>
  http(`/v20.0/${phoneId}/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body,
  });
const text = (body: string, to = TO, more = {}) =>
  JSON.stringify({ messaging_product: "whatsapp", to, type: "text", text: { body }, ...more });
const conversation = async (to = "15550000001", query = "") =>
  (await (await http(`/conversations/${to}${query}`)).json()) as { total: number; messages: ChatMessage[] };
const texts = async (to?: string) => (await conversation(to)).messages.map((message) => message.text);
const order = async (fault: object) => {
  const answer = await http("/faults", { method: "POST", body: JSON.stringify(fault) });
  expect(answer.status).toBe(201);
};

beforeEach(async () => {
  folder = await temporaryFolder();
  chat = await start();
});
afterEach(async () => {
  await chat.end();
  await folder.remove();
});

describe("the chat API", () => {
  it("answers a text with the recipient's id and a message id", async () => {
    const answer = await post(text("Hello"));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      messaging_product: "whatsapp",
      contacts: [{ input: TO, wa_id: "15550000001" }],
      messages: [{ id: expect.stringMatching(/^wamid\.[\w-]{20,}$/) as string }],
    });
  });

  it("keeps each conversation in the order of sending, also when it is killed", async () => {
    for (const word of ["one", "two", "three"]) {
      await post(text(word));
      await post(text(`${word} for Bob`, "15550000002"));
    }
    await chat.end("SIGKILL");
    chat = await start();
    expect(await texts("+15550000001")).toEqual(["one", "two", "three"]);
    expect(await texts("15550000002")).toEqual(["one for Bob", "two for Bob", "three for Bob"]);
    expect(await (await http("/conversations")).json()).toEqual({
      total: 6,
      conversations: [
        { to: "15550000001", messages: 3 },
        { to: "15550000002", messages: 3 },
      ],
    });
    const page = await conversation("15550000001", "?limit=1&offset=1");
    expect([page.total, page.messages.map((message) => message.text)]).toEqual([3, ["two"]]);
  });

  it("sends the same text twice when asked twice, and shows the sender's own reference", async () => {
    const body = text("Hello", TO, { biz_opaque_callback_data: "job-1" });
    await post(body);
    await post(body);
    const { messages } = await conversation();
    expect(messages.map(({ callbackData }) => callbackData)).toEqual(["job-1", "job-1"]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(2);
  });

  it("refuses a wrong token with 401 and its error", async () => {
    const answer = await post(text("Hello"), "wrong!");
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { type: "OAuthException", code: 190 } });
    expect((await conversation()).total).toBe(0);
  });

  it("refuses a phone that is not the account's", async () => {
    const answer = await post(text("Hello"), "s3cret", "999");
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 100, error_subcode: 33 } });
  });

  it.each([
    ["no JSON", "nonsense", 100],
    ["another product", text("Hello", TO, { messaging_product: "sms" }), 100],
    ["a recipient that is no phone number", text("Hello", "alice"), 131_009],
    ["a recipient with too few digits", text("Hello", "123"), 131_009],
    ["an empty text", text(""), 131_009],
    ["a text over 4096 characters", text("x".repeat(4_097)), 131_009],
    ["a kind of message that is not understood", text("Hello", TO, { type: "video" }), 131_051],
  ])("refuses %s with 400", async (_what, body, code) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code, fbtrace_id: expect.any(String) as string } });
    expect(await (await http("/conversations")).json()).toEqual({ total: 0, conversations: [] });
  });

  it("forgets all messages on DELETE", async () => {
    await post(text("Hello"));
    await http("/conversations", { method: "DELETE" });
    expect((await conversation()).total).toBe(0);
  });

  it("ends with code 0 on SIGTERM, also while an answer is withheld", async () => {
    await order({ kind: "timeout-after-effect" });
    const asked = post(text("Hello")).then(
      () => "answered",
      () => "cut off",
    );
    await eventually("the message to be sent", async () => (await conversation()).total === 1);
    expect(await chat.end()).toBe(0);
    expect(await asked).toBe("cut off");
  });

  it("does not start without its configuration, and says what is missing", async () => {
    await expect(startOutside("chat", { PORT: "0", CHAT_TOKEN: "" })).rejects.toThrow(
      /ended with 1[^]*CHAT_TOKEN/,
    );
  });
});

describe("the chat API's faults", () => {
  it("answers 429 with Retry-After as often as ordered, and sends nothing", async () => {
    await order({ kind: "429", count: 2, retryAfterS: 7 });
    for (const _ of [1, 2]) {
      const answer = await post(text("Hello"));
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "7"]);
      expect(await answer.json()).toMatchObject({ error: { code: 130_429 } });
    }
    expect((await post(text("Hello"))).status).toBe(200);
    expect(await texts()).toEqual(["Hello"]);
  });

  it("strikes one in so many requests", async () => {
    await order({ kind: "429", every: 3, count: 2 });
    const statuses: number[] = [];
    for (let times = 0; times < 7; times += 1) statuses.push((await post(text("Hello"))).status);
    expect(statuses).toEqual([200, 200, 429, 200, 200, 429, 200]);
  });

  it("answers with the ordered error of the server for one recipient alone", async () => {
    await order({ kind: "5xx", status: 503, to: TO });
    expect((await post(text("Hello", "15550000002"))).status).toBe(200);
    expect((await post(text("Hello"))).status).toBe(503);
    expect(await texts()).toEqual([]);
  });

  it("cuts the connection and sends nothing", async () => {
    await order({ kind: "reset" });
    await expect(post(text("Hello"))).rejects.toThrow("fetch failed");
    expect(await texts()).toEqual([]);
  });

  it("sends and gives no answer", async () => {
    await order({ kind: "timeout-after-effect", delayMs: 20 });
    await expect(post(text("Hello"))).rejects.toThrow("fetch failed");
    expect(await texts()).toEqual(["Hello"]);
  });

  it("answers slowly", async () => {
    await order({ kind: "slow", delayMs: 300 });
    const started = performance.now();
    expect((await post(text("Hello"))).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThan(290);
  });

  it("refuses an order that it does not understand, and forgets orders on DELETE", async () => {
    for (const body of ["nonsense", '{"kind":"explode"}', '{"kind":"5xx","status":200}']) {
      expect((await http("/faults", { method: "POST", body })).status).toBe(400);
    }
    await order({ kind: "reset" });
    await http("/faults", { method: "DELETE" });
    expect((await post(text("Hello"))).status).toBe(200);
  });

  it("forgets the orders of one kind and keeps the others", async () => {
    await order({ kind: "5xx", count: 2 });
    await order({ kind: "429" });
    await http("/faults?kind=5xx", { method: "DELETE" });
    expect((await post(text("Hello"))).status).toBe(429);
    expect((await post(text("Hello"))).status).toBe(200);
  });
});
