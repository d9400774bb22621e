import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { faultRoutes } from "../fault-routes.ts";
import type { Faults } from "../faults.ts";
import { type HttpReply, type HttpRequest, json } from "../serve-http.ts";
import { ChatFault } from "./chat-fault.ts";
import type { Conversations } from "./conversations.ts";
import { graphError } from "./graph-error.ts";
import { sendText } from "./send-text.ts";

/** Who may send, and from which phone. */
export interface ChatAccount {
  readonly token: string;
  readonly phoneId: string;
}

const Page = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(500),
  offset: z.coerce.number().int().min(0).default(0),
});

/** Answers HTTP requests: the Cloud API's own, and those for reading the conversations and ordering faults. */
export function chatRoutes(account: ChatAccount, conversations: Conversations, faults: Faults<ChatFault>) {
  const routes: Readonly<Record<string, (request: HttpRequest) => HttpReply>> = {
    "GET /conversations": () => json(200, conversations.list()),
    "DELETE /conversations": () => {
      conversations.clear();
      return json(200, conversations.list());
    },
    ...faultRoutes(ChatFault, faults),
  };

  return async (request: HttpRequest): Promise<HttpReply> => {
    const { pathname } = request.url;
    const route = routes[`${request.method} ${pathname}`];
    if (route !== undefined) return route(request);
    const sender = /^\/v\d+\.\d+\/([^/]+)\/messages$/.exec(pathname)?.[1];
    if (request.method === "POST" && sender !== undefined) {
      return (
        refusal(account, sender, request.authorization) ??
        (await sendText(request.body, conversations, faults))
      );
    }
    const to = /^\/conversations\/([^/]+)$/.exec(pathname)?.[1];
    if (request.method === "GET" && to !== undefined) return readConversation(conversations, to, request.url);
    return json(404, {
      error: `There is no ${request.method} ${pathname} here.`,
      routes: Object.keys(routes),
    });
  };
}

function refusal(
  account: ChatAccount,
  sender: string,
  authorization: string | undefined,
): HttpReply | undefined {
  if (!isToken(authorization, account.token)) {
    return graphError(401, { message: "Invalid OAuth access token - Cannot parse access token", code: 190 });
  }
  if (sender === account.phoneId) return undefined;
  const message = `Unsupported post request. Object with ID '${sender}' does not exist or cannot be loaded.`;
  return graphError(400, { message, type: "GraphMethodException", code: 100, subcode: 33 });
}

function isToken(authorization: string | undefined, token: string): boolean {
  const given = Buffer.from(authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function readConversation(conversations: Conversations, to: string, url: URL): HttpReply {
  const page = Page.safeParse(Object.fromEntries(url.searchParams));
  if (!page.success) return json(400, { error: z.prettifyError(page.error) });
  const digits = decodeURIComponent(to).replaceAll(/\D/g, "");
  return json(200, conversations.with(digits, page.data.limit, page.data.offset));
}
