import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { PermanentError, RateLimitedError, UnknownOutcomeError, UnreachableError } from "#shared/index.ts";
import { chatClient } from "../../../services/messages/chat-client.ts";
import { accept, startChatServer } from "./chat-server.ts";

const text = { to: "+15550000001", body: "Hello, ☎", reference: "0198a1e2-0000-7000-8000-000000000001.1" };
const never = new AbortController().signal;
const client = (url: string) => chatClient({ url, token: "the-token", phoneId: "4711" });

/** What becomes of a message when the server answers so. */
async function sendTo(answer: (response: ServerResponse) => void): Promise<unknown> {
  const { url } = await startChatServer(answer);
  return await client(url)
    .sendText(text, never)
    .catch((error: unknown) => error);
}

test("a message is asked for as the Cloud API wants it, and its id comes back", async () => {
  const { url, asked } = await startChatServer(accept);
  expect(await client(url).sendText(text, never)).toBe("wamid.HBgL");
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    method: "POST",
    url: "/v20.0/4711/messages",
    headers: { authorization: "Bearer the-token", "content-type": "application/json" },
    body: {
      messaging_product: "whatsapp",
      to: "+15550000001",
      type: "text",
      text: { body: "Hello, ☎" },
      biz_opaque_callback_data: "0198a1e2-0000-7000-8000-000000000001.1",
    },
  });
});

test("Retry-After in seconds is the time to wait", async () => {
  const error = await sendTo((response) => response.writeHead(429, { "retry-after": "7" }).end());
  expect(error).toBeInstanceOf(RateLimitedError);
  expect(error).toMatchObject({ retryAfterMs: 7_000 });
});

test("Retry-After as a date is the time until then", async () => {
  const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
  const error = await sendTo((response) => response.writeHead(429, { "retry-after": inAnHour }).end());
  const { retryAfterMs } = error as RateLimitedError;
  expect(retryAfterMs).toBeGreaterThan(3_500_000);
  expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
});

test("a refusal is permanent and says why", async () => {
  const body = JSON.stringify({ error: { message: "(#100) Invalid parameter", code: 100 } });
  const error = await sendTo((response) => response.writeHead(400).end(body));
  expect(error).toBeInstanceOf(PermanentError);
  expect(error).toMatchObject({
    code: "chat_400_100",
    message: expect.stringContaining("Invalid parameter") as unknown,
  });
});

test("a redirect is refused, and the token goes nowhere else", async () => {
  const elsewhere = await startChatServer(accept);
  const error = await sendTo((response) => response.writeHead(307, { location: elsewhere.url }).end());
  expect(error).toBeInstanceOf(PermanentError);
  expect(elsewhere.asked).toEqual([]);
});

test("a refused connection is an unreachable API", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };
  server.close();
  await once(server, "close");
  const sending = client(`http://127.0.0.1:${address.port}`).sendText(text, never);
  await expect(sending).rejects.toBeInstanceOf(UnreachableError);
});

test("a host name that does not exist is an unreachable API", async () => {
  const sending = client("http://chat.duly.invalid").sendText(text, never);
  await expect(sending).rejects.toBeInstanceOf(UnreachableError);
});

test("a connection reset after the request leaves the outcome unknown", async () => {
  expect(await sendTo((response) => response.socket?.resetAndDestroy())).toBeInstanceOf(UnknownOutcomeError);
});

test("an answer cut off in the middle leaves the outcome unknown", async () => {
  const error = await sendTo((response) => {
    response.writeHead(200, { "content-length": "1000" }).write('{"messages":', () => response.destroy());
  });
  expect(error).toBeInstanceOf(UnknownOutcomeError);
});

test("a success that names no message leaves the outcome unknown", async () => {
  expect(await sendTo((response) => response.end("<html>"))).toBeInstanceOf(UnknownOutcomeError);
});

test("a timeout after the request has left ends the wait at once, its outcome unknown", async () => {
  const stop = new AbortController();
  const { url } = await startChatServer(() =>
    stop.abort(new DOMException("15 s have passed", "TimeoutError")),
  );
  await expect(client(url).sendText(text, stop.signal)).rejects.toBeInstanceOf(UnknownOutcomeError);
});
