import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** One request as the server got it. */
export interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Starts an HTTP server that ends with the test and answers each request as `answer` does. */
export async function startChatServer(
  answer: (response: ServerResponse) => void,
): Promise<{ url: string; asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const take = async () => {
      const { method, url, headers } = request;
      asked.push({ method, url, headers, body: await json(request) });
      answer(response);
    };
    take().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** The Cloud API's answer to a message that it took. */
export function accept(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" }).end(
    JSON.stringify({
      messaging_product: "whatsapp",
      contacts: [{ input: "+15550000001", wa_id: "15550000001" }],
      messages: [{ id: "wamid.HBgL" }],
    }),
  );
}
