import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { setImmediate as afterPoll, setTimeout as sleep } from "node:timers/promises";

const MAX_BODY_BYTES = 1024 * 1024;

/** One request, read whole. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What goes back: an answer, or a fault of the network. */
export type HttpReply =
  | { kind: "json"; status: number; json: unknown; headers?: Record<string, string> }
  | { kind: "html"; status: number; html: string }
  /** The connection is cut without an answer, after `afterMs`. */
  | { kind: "cut"; afterMs: number };

/** An HTTP server on 127.0.0.1 while it listens. */
export interface HttpService {
  readonly port: number;
  /** Cuts the open connections and resolves when the port is free. */
  readonly stop: () => Promise<void>;
  /** Takes no new connections and resolves when those that were open have ended. */
  readonly runOut: () => Promise<void>;
}

/** Listens on 127.0.0.1 (port 0: a free one) and answers every request by `handle`; a thrown error is a 500. */
export async function serveHttp(
  port: number,
  handle: (request: HttpRequest) => HttpReply | Promise<HttpReply>,
): Promise<HttpService> {
  const server = createServer((incoming, response) => {
    readRequest(incoming)
      .then((request) =>
        request === "too large" ? json(413, { error: "The body is over 1 MB." }) : handle(request),
      )
      .catch((error: unknown) => json(500, { error: String(error) }))
      .then((reply) => send(response, reply))
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A listening server has no port.");
  return {
    port: address.port,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
    runOut: async () => {
      const closed = once(server, "close");
      await afterPoll(); // closing would reset what the kernel has connected and nobody has accepted yet
      server.close();
      await closed;
    },
  };
}

/** A JSON answer. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpReply {
  return { kind: "json", status, json: value, headers };
}

async function readRequest(incoming: IncomingMessage): Promise<HttpRequest | "too large"> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return "too large";
    chunks.push(chunk);
  }
  return {
    method: incoming.method ?? "GET",
    url: new URL(incoming.url ?? "/", "http://127.0.0.1"),
    authorization: incoming.headers.authorization,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

async function send(response: ServerResponse, reply: HttpReply): Promise<void> {
  if (reply.kind === "cut") {
    await sleep(reply.afterMs, undefined, { ref: false });
    response.destroy();
    return;
  }
  const isHtml = reply.kind === "html";
  response.writeHead(reply.status, {
    "content-type": isHtml ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // What is shown was written by others: nothing of it may run or load anything.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    ...(isHtml ? {} : reply.headers),
  });
  response.end(isHtml ? reply.html : JSON.stringify(reply.json));
}
